//! Exports and imports of the contract, checked by name.

use std::fmt;

use wasmtime::Engine;
use wasmtime::component::types::{Component, ComponentItem};

use crate::description::Kind;
use crate::error::LoadError;
use crate::imports::{log, state, wasi};
use crate::text::{NAME_BYTES, clip};

/// Package and version of the contract that this host supports.
const PACKAGE: &str = "insights:transform/";
const VERSION: &str = "0.1.0";
/// The types interface: any component may import it, as it has no functions.
pub(crate) const TYPES: &str = "insights:transform/types@0.1.0";
const ALLOWED: &str = "insights:transform/log@0.1.0, insights:transform/state@0.1.0, and wasi:…@0.2 for \
                       crates with std, without real access";
/// Interfaces of the contract that the host implements.
const IMPLEMENTED: [&str; 2] = [log::IMPORT, state::IMPORT];

/// An interface name as used in components: `package/interface@version`.
struct Interface<'a> {
    base: &'a str,
    version: &'a str,
}

impl<'a> Interface<'a> {
    fn parse(name: &'a str) -> Self {
        let (base, version) = name.split_once('@').unwrap_or((name, ""));
        Self { base, version }
    }
}

/// Returns the kind of a component from its exports.
///
/// # Errors
/// Returns [`LoadError::Version`] or [`LoadError::World`].
pub(super) fn kind(name: &str, component: &Component, engine: &Engine) -> Result<Kind, LoadError> {
    let mut kinds = Vec::new();
    let mut other_version = None;
    let mut exports = NameList::default();
    for (export, _) in component.exports(engine) {
        exports.add(export);
        let Interface { base, version } = Interface::parse(export);
        let kind = match base.strip_prefix(PACKAGE) {
            Some("stage") => Kind::Transform,
            Some("format") => Kind::Formatter,
            _ => continue,
        };
        if version == VERSION {
            kinds.push(kind);
        } else {
            other_version = Some((format!("{}@{VERSION}", clip(base, NAME_BYTES)), clip(export, NAME_BYTES)));
        }
    }
    match (kinds[..].as_ref(), other_version) {
        (&[kind], _) => Ok(kind),
        (&[], Some((wanted, found))) => Err(LoadError::Version { name: name.to_owned(), wanted, found }),
        _ => Err(LoadError::World {
            name: name.to_owned(),
            wanted: format!("{PACKAGE}stage@{VERSION} and {PACKAGE}format@{VERSION}"),
            found: exports.to_string(),
        }),
    }
}

/// Kind of an allowed import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Import {
    /// Part of the contract, or types only.
    Known,
    /// A `wasi:` interface of a std guest, implemented without access to anything.
    Wasi,
}

/// Checks that a component may have this import.
///
/// # Errors
/// Returns [`LoadError::Import`] or [`LoadError::Version`].
pub(super) fn import(name: &str, import: &str, item: &ComponentItem) -> Result<Import, LoadError> {
    if IMPLEMENTED.contains(&import) || import == TYPES {
        return Ok(Import::Known);
    }
    let base = Interface::parse(import).base;
    if let Some(wanted) =
        IMPLEMENTED.into_iter().find(|implemented| Interface::parse(implemented).base == base)
    {
        let (wanted, found) = (wanted.to_owned(), clip(import, NAME_BYTES));
        return Err(LoadError::Version { name: name.to_owned(), wanted, found });
    }
    if wasi::is_implemented(import) && matches!(item, ComponentItem::ComponentInstance(_)) {
        return Ok(Import::Wasi);
    }
    Err(LoadError::Import { name: name.to_owned(), import: clip(import, NAME_BYTES), allowed: ALLOWED })
}

/// The first names of a list supplied by a component, each clipped.
#[derive(Default)]
struct NameList {
    shown: Vec<String>,
    more: usize,
}

impl NameList {
    const SHOWN: usize = 8;

    fn add(&mut self, name: &str) {
        if self.shown.len() < Self::SHOWN {
            self.shown.push(clip(name, NAME_BYTES));
        } else {
            self.more += 1;
        }
    }
}

impl fmt::Display for NameList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shown.is_empty() {
            return f.write_str("none");
        }
        f.write_str(&self.shown.join(", "))?;
        if self.more > 0 {
            write!(f, " and {} more", self.more)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::NameList;

    #[test]
    fn long_lists_of_long_names_are_bounded() {
        let mut list = NameList::default();
        for _ in 0..100_000 {
            list.add(&"x\u{1b}[2J".repeat(10_000));
        }
        let text = list.to_string();
        assert!(text.len() < 3000 && text.ends_with("and 99992 more") && !text.contains('\u{1b}'), "{text}");
    }
}
