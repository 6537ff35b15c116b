//! Where the configured component waits for its call.

use core::cell::RefCell;

/// A place for one value in a `static`.
#[derive(Debug)]
pub struct Slot<T>(RefCell<Option<T>>);

// SAFETY: a component has one thread: its memory is not shared (the contract's target has no threads, the host's engine
// none either), so no two threads can meet here.
#[allow(unsafe_code, reason = "see above")]
unsafe impl<T> Sync for Slot<T> {}

impl<T> Slot<T> {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "made in statics only, where `Default` is of no use")]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// Puts a value in, over an earlier one.
    pub fn set(&self, value: T) {
        self.0.replace(Some(value));
    }

    /// Looks at the value, if there is one.
    pub fn with<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.borrow().as_ref().map(look)
    }
}
