//! Limits on the labels and annotations that are kept of a pod.

use crate::text::Pairs;

use super::Texts;

/// Limits on labels and annotations. Both are written by the pod's author, up to 256 KiB of annotations per pod, and all
/// that are kept go into every batch and every event of that pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataFilter {
    /// Largest size of the label keys and values of one pod in bytes. The smallest labels are kept first, equally large
    /// ones in key order, until the next one does not fit.
    pub label_bytes: usize,
    /// Full keys of the annotations to keep.
    pub annotations: Vec<String>,
    /// Like `label_bytes`, for the annotations.
    pub annotation_bytes: usize,
}

impl Default for MetadataFilter {
    fn default() -> Self {
        Self { label_bytes: 8 * 1024, annotations: Vec::new(), annotation_bytes: 8 * 1024 }
    }
}

impl MetadataFilter {
    /// Returns the labels that fit, by key, and the number of those that do not.
    pub(crate) fn labels(&self, all: &Pairs<'_>) -> (Texts, u32) {
        keep_smallest(self.label_bytes, all.iter().collect())
    }

    /// Returns the requested annotations that fit, by key, and the number of those that do not.
    pub(super) fn annotations(&self, all: &Pairs<'_>) -> (Texts, u32) {
        let is_requested = |key: &str| self.annotations.iter().any(|requested| requested == key);
        keep_smallest(self.annotation_bytes, all.iter().filter(|(key, _)| is_requested(key)).collect())
    }
}

/// Drops the largest of `pairs`, which are in key order, until the rest has at most `bound` bytes; of equally large ones
/// the later ones. The same pod therefore loses the same pairs on every tick and every node.
fn keep_smallest(bound: usize, pairs: Vec<(&str, &str)>) -> (Texts, u32) {
    let size = |(key, value): &(&str, &str)| key.len() + value.len();
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by_key(|&index| size(&pairs[index]));
    let mut room = bound;
    let fitting = order
        .iter()
        .take_while(|&&index| {
            let left = room.checked_sub(size(&pairs[index]));
            room = left.unwrap_or(room);
            left.is_some()
        })
        .count();
    let dropped = order.split_off(fitting).len() as u32;
    order.sort_unstable();
    let kept = order.into_iter().map(|index| (pairs[index].0.into(), pairs[index].1.into())).collect();
    (kept, dropped)
}
