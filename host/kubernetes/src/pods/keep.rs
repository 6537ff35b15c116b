//! How much of a pod's free text is taken over.

use crate::text::Pairs;

use super::Texts;

/// What to keep of labels and annotations. Both are the pod author's, up to 256 KiB of annotations a pod, and all that is
/// kept goes into every batch and every event of that pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Bytes of label keys and values together that one pod may have. The smallest labels are kept first, equally large
    /// ones in key order, until the next does not fit.
    pub label_bytes: usize,
    /// Annotations to keep, by full key.
    pub annotations: Vec<String>,
    /// As `label_bytes`, for the annotations that are kept.
    pub annotation_bytes: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self { label_bytes: 8 * 1024, annotations: Vec::new(), annotation_bytes: 8 * 1024 }
    }
}

impl Keep {
    /// The labels that fit, by key, and how many do not.
    pub(crate) fn labels(&self, all: &Pairs<'_>) -> (Texts, u32) {
        within(self.label_bytes, all.iter().collect())
    }

    /// The annotations that were asked for and fit, by key, and how many of them do not.
    pub(super) fn annotations(&self, all: &Pairs<'_>) -> (Texts, u32) {
        let asked = |key: &str| self.annotations.iter().any(|asked| asked == key);
        within(self.annotation_bytes, all.iter().filter(|(key, _)| asked(key)).collect())
    }
}

/// Drops the largest of `pairs`, which are in key order, until the rest has no more than `bound` bytes; of equally large
/// ones those that come later. The same pod loses the same ones on every tick and every node.
fn within(bound: usize, pairs: Vec<(&str, &str)>) -> (Texts, u32) {
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
