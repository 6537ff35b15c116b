//! Sorting without the standard library's sort, each use of which adds ten kilobytes to the component. The lists here are
//! short and rarely sorted, so one plain merge sort of positions serves them all.

use alloc::vec::Vec;
use core::cmp::Ordering;

/// Returns the positions `0..count` in sorted order; the sort is stable.
pub(crate) fn order(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut from: Vec<usize> = (0..count).collect();
    let mut to = from.clone();
    let mut width = 1;
    while width < count {
        let mut start = 0;
        while start < count {
            let middle = count.min(start + width);
            let end = count.min(middle + width);
            let (mut left, mut right) = (start, middle);
            for slot in &mut to[start..end] {
                let take_left =
                    right == end || left < middle && compare(from[left], from[right]) != Ordering::Greater;
                let next = if take_left { &mut left } else { &mut right };
                *slot = from[*next];
                *next += 1;
            }
            start = end;
        }
        core::mem::swap(&mut from, &mut to);
        width *= 2;
    }
    from
}

/// Returns the items sorted; of equal items only the last is kept.
pub(crate) fn sorted<T>(items: Vec<T>, compare: &dyn Fn(&T, &T) -> Ordering) -> Vec<T> {
    let order = order(items.len(), &|left, right| compare(&items[left], &items[right]));
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    let mut sorted: Vec<T> = Vec::with_capacity(items.len());
    for at in order {
        let Some(item) = items[at].take() else { continue };
        match sorted.last_mut() {
            Some(last) if compare(last, &item) == Ordering::Equal => *last = item,
            _ => sorted.push(item),
        }
    }
    sorted
}
