//! Memory limit for the objects of one kind.

/// Memory for the objects that a watch keeps. The number of objects in a cluster is unlimited, the memory of the process is
/// not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    most: usize,
    taken: usize,
}

impl Room {
    /// Creates a limit of `most` bytes, with nothing taken.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, taken: 0 }
    }

    /// Returns the same limit with nothing taken.
    pub(crate) fn empty(self) -> Self {
        Self::new(self.most)
    }

    /// Replaces the memory of an object by that of its new state; the old memory is freed in any case. Returns false if the
    /// new state does not fit: neither state is kept then, because the old one is outdated.
    pub(crate) fn exchange(&mut self, before: usize, after: usize) -> bool {
        self.taken = self.taken.saturating_sub(before);
        let fits = self.most.saturating_sub(self.taken) >= after;
        if fits {
            self.taken += after;
        }
        fits
    }
}
