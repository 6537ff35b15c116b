//! Selection of the pod labels that events carry.

use alloc::vec::Vec;

use insights_sdk::{Entity, Name};

use crate::options::Labels;

const PREFIX: &str = "label.";

/// Appends the labels of `pod` that its events carry to `copied`, and removes the others from the pod.
pub(crate) fn select(pod: Entity<'_>, labels: &Labels, copied: &mut Vec<(Name, Name)>) {
    let batch = pod.batch();
    for (key, value) in pod.attribute_names() {
        let Some(label) = batch.text(key).strip_prefix(PREFIX) else { continue };
        if labels.has(label) {
            copied.push((key, value));
        } else {
            pod.remove_attribute(key);
        }
    }
}
