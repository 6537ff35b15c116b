//! Namespaces: their names.

use std::collections::BTreeSet;

use super::table::Kind;
use super::wire;
use crate::text::filled;

/// The namespaces that exist.
#[derive(Debug, Default)]
pub(super) struct Namespaces {
    names: BTreeSet<Box<str>>,
}

impl Namespaces {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

impl Kind for Namespaces {
    type Item<'a> = wire::Named<'a>;

    fn empty(&self) -> Self {
        Self::default()
    }

    fn apply(&mut self, item: wire::Named<'_>) {
        if let Some(name) = item.metadata.as_ref().and_then(|names| filled(&names.name)) {
            self.names.insert(name.into());
        }
    }

    fn remove(&mut self, item: wire::Named<'_>) {
        if let Some(name) = item.metadata.as_ref().and_then(|names| filled(&names.name)) {
            self.names.remove(name);
        }
    }
}
