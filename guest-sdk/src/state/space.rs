//! What a transform remembers, and what one call changes of it. The host and native tests work on the same.

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
/// What `put` says where there is no state.
pub const NOT_GRANTED: &str = "no state here: it is there during `process` and `format`, for a component whose \
                               configuration grants it: `state: {max_bytes: …}`";

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

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Arc<[u8]>> {
        self.entries.get(key)
    }

    /// Keys and values in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Gives a key a value, whatever the bounds are.
    pub fn insert(&mut self, key: String, value: Arc<[u8]>) {
        let added = size(&key, &value);
        let key_bytes = key.len() as u64;
        let old = self.entries.insert(key, value);
        self.bytes += added;
        self.bytes -= old.map_or(0, |old| key_bytes + old.len() as u64);
    }

    /// What [`Space::bytes`] will be with these changes.
    pub fn bytes_with(&self, changes: &Changes) -> u64 {
        changes.iter().fold(self.bytes, |bytes, (key, value)| {
            let old = self.get(key).map_or(0, |old| size(key, old));
            bytes - old + value.map_or(0, |value| size(key, value))
        })
    }

    /// Makes what a call changed part of it.
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

/// How much a transform may remember for each scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of all keys and values.
    pub max_bytes: u64,
    /// Number of keys.
    pub max_keys: usize,
}

impl Bounds {
    /// So many bytes, and one key for every 32 of them, at least 16 and at most 65,536.
    pub fn of_bytes(max_bytes: u64) -> Self {
        Self { max_bytes, max_keys: (max_bytes / 32).clamp(16, 65_536) as usize }
    }
}

impl Default for Bounds {
    /// 1 MiB.
    fn default() -> Self {
        Self::of_bytes(1 << 20)
    }
}

/// What a call is given: what was remembered before it, and how much may be after it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What was remembered.
    pub space: Arc<Space>,
    /// How much may be.
    pub bounds: Bounds,
}

/// Why a value was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The key has so many bytes.
    Key(usize),
    /// The value has so many bytes.
    Value(usize),
    /// There would be more keys than this bound.
    Keys(usize),
    /// Keys and values would have more bytes than this bound.
    Bytes(u64),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(bytes) => {
                write!(f, "state: a key of {bytes} bytes; a key has at most {MAX_KEY_BYTES}")
            }
            Self::Value(bytes) => {
                write!(f, "state: a value of {bytes} bytes; a value has at most {MAX_VALUE_BYTES}")
            }
            Self::Keys(max) => {
                write!(
                    f,
                    "state: full, it holds {max} keys: remove what is not needed, or raise `state.max_bytes`"
                )
            }
            Self::Bytes(max) => {
                write!(
                    f,
                    "state: full, keys and values may have {max} bytes: remove what is not needed, or raise \
                     `state.max_bytes`"
                )
            }
        }
    }
}

/// What a call changed. Nothing of it counts until somebody [applies](Space::apply) it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<String, Option<Arc<[u8]>>>);

impl Changes {
    /// Whether everything is as it was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what a later call changed.
    pub fn merge(&mut self, later: Changes) {
        self.0.extend(later.0);
    }

    /// Keys in their order with their new values; none for a key that was removed.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.iter().map(|(key, value)| (&**key, value.as_deref()))
    }
}

/// The state as one call sees it: what was there, and over it what the call wrote.
///
/// Its memory is bounded: values by the bounds, removed keys by the number of keys that were there.
#[derive(Debug)]
pub struct Overlay {
    state: State,
    changed: BTreeMap<String, Option<Arc<[u8]>>>,
    /// Of what the call sees.
    bytes: u64,
    keys: usize,
}

impl Overlay {
    /// Nothing is changed yet.
    pub fn new(state: State) -> Self {
        let (bytes, keys) = (state.space.bytes(), state.space.len());
        Self { state, changed: BTreeMap::new(), bytes, keys }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Arc<[u8]>> {
        match self.changed.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.state.space.get(key),
        }
    }

    /// Gives a key a value. Where a bound was lowered below what is there already, what makes it less is taken.
    ///
    /// # Errors
    /// The bound that it would exceed; nothing is changed then.
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

    /// Forgets a key.
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

    /// Keys that begin so, in their order.
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

    /// What is different from before.
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

/// What a key and its value count.
fn size(key: &str, value: &[u8]) -> u64 {
    key.len() as u64 + value.len() as u64
}
