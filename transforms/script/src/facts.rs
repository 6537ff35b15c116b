//! Functions for attributes of entities.

use alloc::string::String;

use insights_sdk::{Batch, Entity, Patterns};
use rhai::Dynamic;

use crate::arguments::{Arguments, CallResult, kind_of, number_text, text};
use crate::functions::Does;

pub(crate) const LABEL: &str = "label.";

/// Calls a function for attributes; returns `None` if `does` is something else.
pub(crate) fn call(does: Does, batch: &Batch, given: &Arguments<'_, '_>) -> Option<CallResult> {
    Some(match does {
        Does::Attribute => fact(batch, given, ""),
        Does::Label => fact(batch, given, LABEL),
        Does::Set => set(batch, given),
        Does::KeepLabels => keep_labels(batch, given),
        Does::Rename => rename(batch, given),
        Does::Drop => drop(batch, given),
        _ => return None,
    })
}

fn fact(batch: &Batch, given: &Arguments<'_, '_>, prefix: &str) -> CallResult {
    let found = given.entity(0, batch)?;
    let key = given.name(1)?;
    let value = found.and_then(|found| match prefix {
        "" => found.attribute(key.as_str()),
        prefix => found.attribute(&[prefix, &key].concat()),
    });
    Ok(text(value))
}

fn set(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let found = given.entity(0, batch)?;
    let key = given.name(1)?;
    let value = given.value(2);
    let Some(found) = found else { return Ok(Dynamic::UNIT) };
    if value.is_unit() {
        found.remove_attribute(key.as_str());
    } else if let Ok(number) = value.as_float() {
        found.set_attribute(key.as_str(), &number_text(number));
    } else if let Ok(flag) = value.as_bool() {
        found.set_attribute(key.as_str(), if flag { "true" } else { "false" });
    } else if let Ok(value) = value.as_immutable_string_ref() {
        found.set_attribute(key.as_str(), &value);
    } else {
        let found = kind_of(&value);
        return Err(["argument 3 must be a text, a number, true or false, found ", found].concat());
    }
    Ok(Dynamic::UNIT)
}

fn keep_labels(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let found = given.entity(0, batch)?;
    let kept = Patterns::new(given.names(1)?);
    if let Some(found) = found {
        remove_attributes(found, |key| key.strip_prefix(LABEL).is_some_and(|label| !kept.has(label)));
    }
    Ok(Dynamic::UNIT)
}

/// Renames attributes, gauges and counters with the name.
fn rename(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let found = given.entity(0, batch)?;
    let (from, to) = (given.name(1)?, given.name(2)?);
    if let Some(found) = found {
        found.rename_attribute(from.as_str(), to.as_str());
        found.rename_gauge(from.as_str(), to.as_str());
        found.rename_counter(from.as_str(), to.as_str());
    }
    Ok(Dynamic::UNIT)
}

/// Drops attributes, gauges and counters with one of the names.
fn drop(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let found = given.entity(0, batch)?;
    let names = given.names(1)?;
    let Some(found) = found else { return Ok(Dynamic::UNIT) };
    if names.iter().all(|name: &String| !name.ends_with('*')) {
        for name in &names {
            found.remove_attribute(name);
            found.remove_gauge(name);
            found.remove_counter(name);
        }
    } else {
        let dropped = Patterns::new(names);
        remove_attributes(found, |key| dropped.has(key));
        found.retain_points(|name| !dropped.has(name));
    }
    Ok(Dynamic::UNIT)
}

fn remove_attributes(found: Entity<'_>, goes: impl Fn(&str) -> bool) {
    for (key, _) in found.attributes() {
        if goes(key) {
            found.remove_attribute(key);
        }
    }
}
