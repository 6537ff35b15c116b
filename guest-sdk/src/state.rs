//! State that survives from tick to tick: a small key-value space for each transform and scope.
//!
//! State is available during `process` and `format` if the configuration grants it (`state: {max_bytes: …}`). Without it,
//! [`get`] returns `None` and [`put`] returns an error that says so. A call reads back its own writes; they are committed
//! for the next tick once the outputs of this one are accepted. The writes of a call that fails are discarded.
//!
//! ```
//! use insights_sdk::prelude::*;
//!
//! /// Counts the ticks in which each pod was present.
//! fn count(batch: &Batch) -> Result<(), String> {
//!     for pod in batch.pods() {
//!         let ticks = state::get::<u64>(pod.id()).unwrap_or(0) + 1;
//!         state::put(pod.id(), &ticks)?;
//!         pod.publish("pod_ticks", ticks as f64, Unit::Count);
//!     }
//!     // Remove pods that are gone, or the space fills up.
//!     state::retain("", |key| batch.find("pod", key).is_some());
//!     Ok(())
//! }
//! # let batch = Batch::new("node", "n1", 0, 60_000);
//! # batch.add("pod", "u1", None);
//! # state::put("u2", &1_u64).unwrap();
//! # count(&batch).unwrap();
//! # count(&batch).unwrap();
//! # assert_eq!(state::keys(""), ["u1"]);
//! # assert_eq!(state::get::<u64>("u1"), Some(2));
//! ```
//!
//! Natively, each thread has an empty space of its own with the default [`Bounds`]; `state::with` replaces it and returns
//! the changes. Golden cases set it with `state.json` and compare it with `expected.state.json`.

mod stored;

use alloc::string::String;
use alloc::vec::Vec;

use crate::json;

#[cfg(not(target_family = "wasm"))]
#[doc(inline)]
pub use insights_batch::state::{
    Bounds, Changes, MAX_KEY_BYTES, MAX_VALUE_BYTES, NOT_GRANTED, Overlay, Refused, Space, State,
};
pub use stored::Stored;
#[doc(hidden)]
pub use stored::{Fields, read_field};

/// Returns the value of a key. `None` if there is no value or it has another type, because an older version of the
/// component may have written it.
pub fn get<T: Stored>(key: &str) -> Option<T> {
    let bytes = get_bytes(key)?;
    let value = json::parse(core::str::from_utf8(&bytes).ok()?).ok()?;
    T::read(&value)
}

/// Stores a value.
///
/// # Errors
/// No state is granted, or a bound would be exceeded; the error text says which one and what to do.
pub fn put<T: Stored>(key: &str, value: &T) -> Result<(), String> {
    let mut bytes = Vec::new();
    value.write(&mut bytes);
    put_bytes(key, &bytes)
}

/// Same as [`get`], for arbitrary bytes.
pub fn get_bytes(key: &str) -> Option<Vec<u8>> {
    host::get(key)
}

/// Same as [`put`], for arbitrary bytes.
///
/// # Errors
/// Same as [`put`].
pub fn put_bytes(key: &str, value: &[u8]) -> Result<(), String> {
    host::set(key, value)
}

/// Removes a key, if it exists.
pub fn remove(key: &str) {
    host::delete(key);
}

/// Returns all keys with a prefix, in byte order.
pub fn keys(prefix: &str) -> Vec<String> {
    host::keys(prefix)
}

/// Removes the keys with a prefix that `keep` rejects.
pub fn retain(prefix: &str, mut keep: impl FnMut(&str) -> bool) {
    for key in keys(prefix) {
        if !keep(&key) {
            remove(&key);
        }
    }
}

#[cfg(all(feature = "std", not(target_family = "wasm")))]
pub use host::with;

#[cfg(all(feature = "guest", target_family = "wasm"))]
use crate::guest::state as host;

#[cfg(all(feature = "std", not(target_family = "wasm")))]
mod host {
    use std::cell::RefCell;
    use std::string::{String, ToString};
    use std::vec::Vec;

    use insights_batch::state::{Changes, NOT_GRANTED, Overlay, State};

    std::thread_local! {
        static OVERLAY: RefCell<Option<Overlay>> = RefCell::new(Some(Overlay::new(State::default())));
    }

    /// Runs `work` on this thread with the given state, or without state, and returns its result and changes.
    pub fn with<T>(state: Option<State>, work: impl FnOnce() -> T) -> (T, Changes) {
        let before = OVERLAY.replace(state.map(Overlay::new));
        let result = work();
        let after = OVERLAY.replace(before);
        (result, after.map(Overlay::into_changes).unwrap_or_default())
    }

    pub(super) fn get(key: &str) -> Option<Vec<u8>> {
        OVERLAY.with_borrow(|overlay| Some(overlay.as_ref()?.get(key)?.to_vec()))
    }

    pub(super) fn set(key: &str, value: &[u8]) -> Result<(), String> {
        OVERLAY.with_borrow_mut(|overlay| match overlay {
            Some(overlay) => overlay.set(key, value).map_err(|refused| refused.to_string()),
            None => Err(NOT_GRANTED.to_string()),
        })
    }

    pub(super) fn delete(key: &str) {
        OVERLAY.with_borrow_mut(|overlay| overlay.as_mut().map(|overlay| overlay.delete(key)));
    }

    pub(super) fn keys(prefix: &str) -> Vec<String> {
        OVERLAY
            .with_borrow(|overlay| overlay.as_ref().map(|overlay| overlay.keys(prefix)).unwrap_or_default())
    }
}

/// Fallback outside of components and tests: no state is available.
#[cfg(not(any(
    all(feature = "guest", target_family = "wasm"),
    all(feature = "std", not(target_family = "wasm"))
)))]
mod host {
    use alloc::string::String;
    use alloc::vec::Vec;

    pub(super) fn get(_: &str) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn set(_: &str, _: &[u8]) -> Result<(), String> {
        Err(String::from("state is not available: this is neither a component nor a test"))
    }

    pub(super) fn delete(_: &str) {}

    pub(super) fn keys(_: &str) -> Vec<String> {
        Vec::new()
    }
}
