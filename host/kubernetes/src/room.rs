//! How much memory the objects of one kind may take.

/// Memory for objects that a watch keeps. Clusters have no end of objects, the process has one of memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    most: usize,
    taken: usize,
}

impl Room {
    /// `most` is in bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, taken: 0 }
    }

    /// The same without objects.
    pub(crate) fn empty(self) -> Self {
        Self::new(self.most)
    }

    /// Takes room for an object in place of the one before it, whose room is free in any case. False when there is not
    /// enough: then neither of them is kept, for the old one is wrong by now.
    pub(crate) fn exchange(&mut self, before: usize, after: usize) -> bool {
        self.taken = self.taken.saturating_sub(before);
        let fits = self.most.saturating_sub(self.taken) >= after;
        if fits {
            self.taken += after;
        }
        fits
    }
}
