//! Storage for the configured component until it is called.

use core::cell::RefCell;

/// A cell for one value in a `static`.
#[derive(Debug)]
pub struct Slot<T>(RefCell<Option<T>>);

// SAFETY: a component has one thread and its memory is not shared: neither the target of the contract nor the host's
// engine has threads. So no two threads can access the slot.
#[allow(unsafe_code, reason = "see above")]
unsafe impl<T> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// Creates an empty slot.
    #[expect(clippy::new_without_default, reason = "made in statics only, where `Default` is of no use")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// Stores a value, replacing an earlier one.
    pub fn set(&self, value: T) {
        self.0.replace(Some(value));
    }

    /// Calls `look` with the stored value; returns `None` if there is none.
    pub fn with<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.borrow().as_ref().map(look)
    }
}
