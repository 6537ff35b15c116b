//! Values that a program stores for an entity from tick to tick.
//!
//! A value is stored under its name and the path of the entity in the batch, and deleted when the entity is gone: a program
//! cannot fill the space with values that are never read again.

use alloc::collections::BTreeSet;
use alloc::string::String;

use insights_sdk::{Batch, Entity, json, state};
use rhai::{Dynamic, ImmutableString};

use crate::arguments::{Arguments, CallResult, kind_of, number, text};
use crate::functions::Does;

/// Calls a function for stored values; returns `None` if `does` is something else.
pub(crate) fn call(does: Does, batch: &Batch, given: &Arguments<'_, '_>) -> Option<CallResult> {
    Some(match does {
        Does::Recall => recall(batch, given),
        Does::Remember => remember(batch, given),
        _ => return None,
    })
}

fn recall(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let found = given.entity(0, batch)?;
    let name = name(given)?;
    let stored = found.and_then(|found| state::get_bytes(&key(found, &name)));
    let Some(value) = stored.as_deref().and_then(|bytes| json::parse(core::str::from_utf8(bytes).ok()?).ok())
    else {
        return Ok(Dynamic::UNIT);
    };
    Ok(match &value {
        json::Value::String(value) => text(Some(value)),
        json::Value::Bool(flag) => (*flag).into(),
        value => number(value.as_f64()),
    })
}

/// Stores a value; an absent value deletes the stored one.
fn remember(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let found = given.entity(0, batch)?;
    let name = name(given)?;
    let value = given.value(2);
    let Some(found) = found else { return Ok(Dynamic::UNIT) };
    let key = key(found, &name);
    if value.is_unit() {
        state::remove(&key);
        return Ok(Dynamic::UNIT);
    }
    let stored = if let Ok(number) = value.as_float() {
        state::put(&key, &number)
    } else if let Ok(flag) = value.as_bool() {
        state::put(&key, &flag)
    } else if let Ok(text) = value.as_immutable_string_ref() {
        state::put(&key, &String::from(text.as_str()))
    } else {
        let found = kind_of(&value);
        return Err(["argument 3 must be a text, a number, true or false, found ", found].concat());
    };
    stored.map(|()| Dynamic::UNIT)
}

/// Deletes the stored values of entities that are not in the batch.
pub(crate) fn forget_gone(batch: &Batch) {
    let live: BTreeSet<String> = batch.entities().into_iter().map(path).collect();
    state::retain("", |key| key.split_once(' ').is_some_and(|(_, path)| live.contains(path)));
}

/// Returns the key of a value. The name comes first, because it has no spaces; kinds and ids may have some.
fn key(found: Entity<'_>, name: &str) -> String {
    [name, " ", &path(found)].concat()
}

/// Returns kind and id of an entity and its parents, such as `pod=u1/container=u1/app`: ids such as `eth0` and `rootfs` occur once
/// per pod. Node and cluster are left out, because they are above everything.
fn path(found: Entity<'_>) -> String {
    let mut path = [found.kind(), "=", found.id()].concat();
    let mut next = found.parent();
    while let Some(above) = next {
        if !matches!(above.kind(), "node" | "cluster") {
            path = [above.kind(), "=", above.id(), "/", &path].concat();
        }
        next = above.parent();
    }
    path
}

fn name(given: &Arguments<'_, '_>) -> Result<ImmutableString, String> {
    let name = given.name(1)?;
    match name.is_empty() || name.contains(' ') {
        true => Err("argument 2 must be a name without spaces".into()),
        false => Ok(name),
    }
}
