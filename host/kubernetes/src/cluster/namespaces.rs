//! Names of namespaces.

use std::collections::BTreeSet;

use super::table::{ENTRY_BYTES, Kind, TABLE_BYTES};
use super::wire;
use crate::room::Room;
use crate::text::filled;

/// The existing namespaces.
#[derive(Debug)]
pub(super) struct Namespaces {
    names: BTreeSet<Box<str>>,
    room: Room,
}

impl Default for Namespaces {
    fn default() -> Self {
        Self { names: BTreeSet::new(), room: Room::new(TABLE_BYTES) }
    }
}

impl Namespaces {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

impl Kind for Namespaces {
    type Item<'a> = wire::Named<'a>;

    fn empty(&self) -> Self {
        Self { names: BTreeSet::new(), room: self.room.empty() }
    }

    fn apply(&mut self, item: wire::Named<'_>) -> bool {
        let Some(name) = item.metadata.as_ref().and_then(|names| filled(&names.name)) else { return true };
        if self.names.contains(name) {
            return true;
        }
        let fits = self.room.exchange(0, ENTRY_BYTES + name.len());
        if fits {
            self.names.insert(name.into());
        }
        fits
    }

    fn remove(&mut self, item: wire::Named<'_>) {
        if let Some(name) = item.metadata.as_ref().and_then(|names| filled(&names.name))
            && self.names.remove(name)
        {
            self.room.exchange(ENTRY_BYTES + name.len(), 0);
        }
    }
}
