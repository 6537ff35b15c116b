//! Hash table that maps keys stored elsewhere to numbers. It grows but never shrinks.

use alloc::vec::Vec;

/// Marks a free slot.
const FREE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Index {
    /// Low half of the hash, and number, at the slot given by the hash or the next free one after it (linear probing). The
    /// length is a power of two, and at most two thirds of the slots are taken.
    slots: Vec<(u32, u32)>,
    taken: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl Index {
    /// Creates a table with room for `count` numbers before it grows.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { slots: alloc::vec![(0, FREE); (count * 3 / 2 + 2).next_power_of_two()], taken: 0 }
    }

    /// Returns the number whose key has that hash and satisfies `is_it`.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let (hash, mask) = (hash as u32, self.slots.len() - 1);
        let mut at = hash as usize & mask;
        loop {
            let (known, number) = self.slots[at];
            if number == FREE {
                return None;
            }
            if known == hash && is_it(number) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a number whose key is not in the table yet.
    pub(crate) fn insert(&mut self, hash: u64, number: u32) {
        if (self.taken + 1) * 3 > self.slots.len() * 2 {
            let larger = alloc::vec![(0, FREE); self.slots.len() * 2];
            for (hash, number) in core::mem::replace(&mut self.slots, larger) {
                if number != FREE {
                    self.place(hash, number);
                }
            }
        }
        self.place(hash as u32, number);
        self.taken += 1;
    }

    fn place(&mut self, hash: u32, number: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].1 != FREE {
            at = (at + 1) & mask;
        }
        self.slots[at] = (hash, number);
    }
}
