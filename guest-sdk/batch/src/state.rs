//! State of a transform and the changes of one call. The host and native tests share this implementation.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Bound;

/// Longest key, bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Longest value, bytes.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Error of `put` if no state is granted.
pub const NOT_GRANTED: &str = "state is not granted: set `state: {max_bytes: …}` beside `use`; state is \
                               available only in `process` and `format`";

/// Keys and values of one transform and scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space {
    entries: BTreeMap<String, Arc<[u8]>>,
    bytes: u64,
}

impl Space {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if there are no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Arc<[u8]>> {
        self.entries.get(key)
    }

    /// Iterates over keys and values in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Sets the value of a key, without checking bounds.
    pub fn insert(&mut self, key: String, value: Arc<[u8]>) {
        let added = size(&key, &value);
        let key_bytes = key.len() as u64;
        let old = self.entries.insert(key, value);
        self.bytes += added;
        self.bytes -= old.map_or(0, |old| key_bytes + old.len() as u64);
    }

    /// Returns the size that [`Space::bytes`] has after these changes.
    pub fn bytes_with(&self, changes: &Changes) -> u64 {
        changes.iter().fold(self.bytes, |bytes, (key, value)| {
            let old = self.get(key).map_or(0, |old| size(key, old));
            bytes - old + value.map_or(0, |value| size(key, value))
        })
    }

    /// Applies the changes of a call.
    pub fn apply(&mut self, changes: &Changes) {
        for (key, value) in &changes.0 {
            match value {
                Some(value) => self.insert(key.clone(), Arc::clone(value)),
                None => {
                    if let Some(old) = self.entries.remove(key) {
                        self.bytes -= size(key, &old);
                    }
                }
            }
        }
    }
}

impl FromIterator<(String, Vec<u8>)> for Space {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(entries: I) -> Self {
        let mut space = Self::default();
        entries.into_iter().for_each(|(key, value)| space.insert(key, value.into()));
        space
    }
}

/// Bounds on the state of a transform in each scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Upper bound on the bytes of all keys and values.
    pub max_bytes: u64,
    /// Upper bound on the number of keys.
    pub max_keys: usize,
}

impl Bounds {
    /// Bounds of `max_bytes` bytes and one key for every 32 of them, at least 16 and at most 65,536 keys.
    pub fn of_bytes(max_bytes: u64) -> Self {
        Self { max_bytes, max_keys: (max_bytes / 32).clamp(16, 65_536) as usize }
    }
}

impl Default for Bounds {
    /// Bounds of 1 MiB.
    fn default() -> Self {
        Self::of_bytes(1 << 20)
    }
}

/// Input of a call: the state before it, and the bounds on the state after it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Keys and values before the call.
    pub space: Arc<Space>,
    /// Bounds after the call.
    pub bounds: Bounds,
}

/// A value that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The key is too long; holds its bytes.
    Key(usize),
    /// The value is too long; holds its bytes.
    Value(usize),
    /// The number of keys would exceed this bound.
    Keys(usize),
    /// The bytes of keys and values would exceed this bound.
    Bytes(u64),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(bytes) => {
                write!(f, "state: a key of {bytes} bytes exceeds the limit of {MAX_KEY_BYTES} bytes")
            }
            Self::Value(bytes) => {
                write!(f, "state: a value of {bytes} bytes exceeds the limit of {MAX_VALUE_BYTES} bytes")
            }
            Self::Keys(max) => {
                write!(
                    f,
                    "state: full, the limit is {max} keys: remove unneeded keys or raise `state.max_bytes`"
                )
            }
            Self::Bytes(max) => {
                write!(
                    f,
                    "state: full, keys and values are limited to {max} bytes: remove unneeded keys or raise \
                     `state.max_bytes`"
                )
            }
        }
    }
}

/// Changes of a call. They have no effect until they are [applied](Space::apply).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<String, Option<Arc<[u8]>>>);

impl Changes {
    /// Returns true if nothing changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Merges the changes of a later call, which take precedence.
    pub fn merge(&mut self, later: Changes) {
        self.0.extend(later.0);
    }

    /// Iterates over the changed keys in order with their new values; `None` for a removed key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.iter().map(|(key, value)| (&**key, value.as_deref()))
    }
}

/// The state as one call sees it: the entries before the call, overlaid with the call's writes.
///
/// Its memory is bounded: written values by the bounds, removed keys by the number of keys before the call.
#[derive(Debug)]
pub struct Overlay {
    state: State,
    changed: BTreeMap<String, Option<Arc<[u8]>>>,
    /// Bytes of all keys and values that the call sees.
    bytes: u64,
    keys: usize,
}

impl Overlay {
    /// Creates an overlay without changes.
    pub fn new(state: State) -> Self {
        let (bytes, keys) = (state.space.bytes(), state.space.len());
        Self { state, changed: BTreeMap::new(), bytes, keys }
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Arc<[u8]>> {
        match self.changed.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.state.space.get(key),
        }
    }

    /// Sets the value of a key. If the state is already larger than a lowered bound, writes that reduce it are accepted.
    ///
    /// # Errors
    /// The bound that would be exceeded; nothing is changed then.
    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<(), Refused> {
        if key.len() > MAX_KEY_BYTES {
            return Err(Refused::Key(key.len()));
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(Refused::Value(value.len()));
        }
        let Bounds { max_bytes, max_keys } = self.state.bounds;
        let old = self.get(key).map(|old| size(key, old));
        if old.is_none() && self.keys >= max_keys {
            return Err(Refused::Keys(max_keys));
        }
        let bytes = self.bytes - old.unwrap_or(0) + size(key, value);
        if bytes > max_bytes && bytes > self.bytes {
            return Err(Refused::Bytes(max_bytes));
        }
        self.bytes = bytes;
        self.keys += usize::from(old.is_none());
        self.change(key, Some(value.into()));
        Ok(())
    }

    /// Removes a key.
    pub fn delete(&mut self, key: &str) {
        let Some(old) = self.get(key).map(|old| size(key, old)) else { return };
        self.bytes -= old;
        self.keys -= 1;
        if self.state.space.get(key).is_some() {
            self.change(key, None);
        } else {
            self.changed.remove(key);
        }
    }

    /// Returns the keys with a prefix, in order.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let before = self.state.space.entries.range::<str, _>(from).map(|(key, _)| key);
        let before =
            before.take_while(|key| key.starts_with(prefix)).filter(|key| !self.changed.contains_key(&**key));
        let changed = self.changed.range::<str, _>(from).take_while(|(key, _)| key.starts_with(prefix));
        let changed = changed.filter(|(_, value)| value.is_some()).map(|(key, _)| key);
        let mut keys: Vec<String> = before.chain(changed).cloned().collect();
        keys.sort_unstable();
        keys
    }

    /// Returns the differences from the state before the call.
    pub fn into_changes(mut self) -> Changes {
        self.changed.retain(|key, value| self.state.space.get(key) != value.as_ref());
        Changes(self.changed)
    }

    fn change(&mut self, key: &str, value: Option<Arc<[u8]>>) {
        match self.changed.get_mut(key) {
            Some(changed) => *changed = value,
            None => _ = self.changed.insert(String::from(key), value),
        }
    }
}

/// Bytes that a key and its value count against the bound.
fn size(key: &str, value: &[u8]) -> u64 {
    key.len() as u64 + value.len() as u64
}
