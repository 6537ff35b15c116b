//! Functions for the names of an entity's attributes, gauges and counters, filtered by pattern.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::{Batch, Entity};

use crate::arguments::{Arguments, CallResult, Names};
use crate::facts::LABEL;
use crate::functions::Does;
use crate::texts::like;

/// Calls a function for names; returns `None` if `does` is something else.
pub(crate) fn call(does: Does, batch: &Batch, given: &Arguments<'_, '_>) -> Option<CallResult> {
    Some(match does {
        Does::Attributes => names(batch, given, |found| of(found.attributes())),
        Does::Gauges => names(batch, given, |found| of(found.gauges())),
        Does::Counters => names(batch, given, |found| of(found.counters())),
        _ => return None,
    })
}

fn of<T>(rows: Vec<(&str, T)>) -> Vec<&str> {
    rows.into_iter().map(|(name, _)| name).collect()
}

/// Returns the names that match one of the patterns, or all without a pattern. The list is empty if the entity is absent.
fn names<'b>(
    batch: &'b Batch,
    given: &Arguments<'_, '_>,
    all: impl FnOnce(Entity<'b>) -> Vec<&'b str>,
) -> CallResult {
    let found = given.entity(0, batch)?;
    let patterns: Vec<String> = given.names(1)?;
    let fits = |name: &str| patterns.is_empty() || patterns.iter().any(|pattern| like(name, pattern));
    Ok(Names::of(found.map(all).unwrap_or_default().into_iter().filter(|name| fits(name))))
}

/// Returns the name that a function requests of an entity, and whether the entity has it; `None` if the function requests none
/// or the entity is absent. A counter counts as present even if its rate is not known yet.
pub(crate) fn requested(does: Does, batch: &Batch, given: &Arguments<'_, '_>) -> Option<(String, bool)> {
    let found = given.entity(0, batch).ok().flatten()?;
    let name = given.name(1).ok()?;
    let name = name.as_str();
    Some(match does {
        Does::Attribute => (name.to_owned(), found.attribute(name).is_some()),
        Does::Label => {
            let key = [LABEL, name].concat();
            let is_there = found.attribute(&key).is_some();
            (key, is_there)
        }
        Does::Gauge => (name.to_owned(), found.gauge(name).is_some()),
        Does::Counter | Does::Rate | Does::Delta => (name.to_owned(), found.counter(name).is_some()),
        _ => return None,
    })
}

/// Returns all names of a batch.
pub(crate) fn all(batch: &Batch) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for entity in batch.entities() {
        names.extend(of(entity.attributes()));
        names.extend(of(entity.gauges()));
        names.extend(of(entity.counters()));
    }
    names
}
