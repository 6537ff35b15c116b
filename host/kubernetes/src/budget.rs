//! Memory limit for the objects of one kind.

/// Memory for the objects that a watch keeps. The number of objects in a cluster is unlimited, the memory of the process is
/// not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryBudget {
    limit: usize,
    used: usize,
}

impl MemoryBudget {
    /// Creates a limit of `limit` bytes, with nothing taken.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: 0 }
    }

    /// Returns the same limit with nothing taken.
    pub(crate) fn cleared(self) -> Self {
        Self::new(self.limit)
    }

    /// Replaces the memory of an object by that of its new state; the old memory is freed in any case. Returns false if the
    /// new state does not fit: neither state is kept then, because the old one is outdated.
    pub(crate) fn replace(&mut self, before: usize, after: usize) -> bool {
        self.used = self.used.saturating_sub(before);
        let fits = self.limit.saturating_sub(self.used) >= after;
        if fits {
            self.used += after;
        }
        fits
    }
}
