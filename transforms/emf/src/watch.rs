//! Attributes whose values determine the destination of an event and the declarations that apply to it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use insights_sdk::Name;

/// Names of watched attributes; everything else refers to them by position.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    names: Vec<String>,
}

impl Watched {
    /// Returns the position of a name, which is added if it is new.
    pub(crate) fn add(&mut self, name: &str) -> usize {
        self.position(name).unwrap_or_else(|| {
            self.names.push(name.to_string());
            self.names.len() - 1
        })
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    pub(crate) fn name(&self, position: usize) -> &str {
        self.names.get(position).map_or("", String::as_str)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// Values of the watched attributes for one event.
pub(crate) type Values = [Option<Name>];
