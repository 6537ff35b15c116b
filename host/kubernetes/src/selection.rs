//! Keeps as many elements of a list as fit: the first ones by rank, independent of the order of their arrival.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Largest number of elements of one list that are read; further elements are only counted.
pub(crate) const MAX_PARSED: usize = 16_384;

/// An element that is kept in memory until the next response.
pub(crate) trait Ranked {
    /// Compares the order in which elements are kept: the least element first.
    fn rank(&self, other: &Self) -> Ordering;

    /// Returns the approximate memory in bytes.
    fn bytes(&self) -> usize;
}

/// Bounds on the kept elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SelectionBounds {
    /// Largest number of elements.
    pub(crate) count: usize,
    /// Largest memory of all of them in bytes.
    pub(crate) bytes: usize,
}

/// Bounds on the pods of a node. Five times the pods of the largest nodes (500, by `maxPods`): the list also contains pods that
/// ended and were not deleted.
pub(crate) const POD_BOUNDS: SelectionBounds = SelectionBounds { count: 2500, bytes: 8 << 20 };

/// The elements kept so far, and the number of those left out.
#[derive(Debug)]
pub(crate) struct RankedSelection<T> {
    bounds: SelectionBounds,
    heap: BinaryHeap<Entry<T>>,
    bytes: usize,
    /// The first element by rank that did not fit. No element after it is kept, even if it is smaller: the selection must
    /// not depend on the order of arrival.
    first_out: Option<Entry<T>>,
    left_out: u64,
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    bytes: usize,
    /// Index in the list: of two elements of the same rank, the one that came first is kept.
    index: usize,
}

impl<T: Ranked> RankedSelection<T> {
    pub(crate) fn new(bounds: SelectionBounds) -> Self {
        Self { bounds, heap: BinaryHeap::new(), bytes: 0, first_out: None, left_out: 0 }
    }

    /// Adds `item`, the element `index` of the list, and drops the last elements by rank that no longer fit.
    pub(crate) fn push(&mut self, index: usize, item: T) {
        let bytes = item.bytes();
        let entry = Entry { item, bytes, index };
        if self.first_out.as_ref().is_some_and(|first_out| entry > *first_out) {
            return self.leave_out();
        }
        self.bytes += bytes;
        self.heap.push(entry);
        while self.heap.len() > self.bounds.count || self.bytes > self.bounds.bytes {
            let Some(last) = self.heap.pop() else { break };
            self.bytes -= last.bytes;
            self.first_out = Some(last);
            self.left_out += 1;
        }
    }

    /// Counts an element that is not read.
    pub(crate) fn leave_out(&mut self) {
        self.left_out += 1;
    }

    /// Returns the elements by rank, and the number of those left out.
    pub(crate) fn finish(self) -> (Vec<T>, u64) {
        (self.heap.into_sorted_vec().into_iter().map(|entry| entry.item).collect(), self.left_out)
    }
}

impl<T: Ranked> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.item.rank(&other.item).then(self.index.cmp(&other.index))
    }
}

impl<T: Ranked> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ranked> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T: Ranked> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Letter(char, usize);

    impl Ranked for Letter {
        fn rank(&self, other: &Self) -> Ordering {
            self.0.cmp(&other.0)
        }

        fn bytes(&self) -> usize {
            self.1
        }
    }

    fn kept(bounds: SelectionBounds, letters: &[(char, usize)]) -> (Vec<Letter>, u64) {
        let mut most = RankedSelection::new(bounds);
        for (index, &(letter, bytes)) in letters.iter().enumerate() {
            most.push(index, Letter(letter, bytes));
        }
        most.finish()
    }

    #[test]
    fn the_selection_does_not_depend_on_the_order() {
        let bounds = SelectionBounds { count: 3, bytes: 100 };
        for letters in [[('d', 1), ('a', 1), ('c', 1), ('b', 1)], [('a', 1), ('b', 1), ('c', 1), ('d', 1)]] {
            assert_eq!(kept(bounds, &letters), (vec![Letter('a', 1), Letter('b', 1), Letter('c', 1)], 1));
        }
        for letters in [[('a', 60), ('b', 60), ('c', 30)], [('c', 30), ('b', 60), ('a', 60)]] {
            assert_eq!(kept(bounds, &letters), (vec![Letter('a', 60)], 2), "bytes");
        }
        assert_eq!(kept(bounds, &[('a', 101)]), (vec![], 1));
        assert_eq!(kept(bounds, &[]), (vec![], 0));
    }

    #[test]
    fn the_first_of_equal_elements_is_kept() {
        let bounds = SelectionBounds { count: 1, bytes: 100 };
        assert_eq!(kept(bounds, &[('a', 1), ('a', 2)]), (vec![Letter('a', 1)], 1));
    }
}
