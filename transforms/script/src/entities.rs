//! Functions to find, add and remove entities.

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity};
use rhai::Dynamic;

use crate::arguments::{Arguments, CallResult, List, Names, entity, number, text};
use crate::functions::Does;

/// Calls a function for entities; returns `None` if `does` is something else.
pub(crate) fn call(does: Does, batch: &Batch, given: &Arguments<'_, '_>) -> Option<CallResult> {
    Some(match does {
        Does::All => all(batch, given),
        Does::Node => Ok(entity(batch.node().map(|node| *node))),
        Does::Cluster => Ok(entity(batch.cluster().map(|cluster| *cluster))),
        Does::Parent => parent(batch, given),
        Does::Children => children(batch, given),
        Does::Links => links(batch, given),
        Does::Find => find(batch, given),
        Does::Add => add(batch, given),
        Does::Remove => given.entity(0, batch).map(|found| {
            found.into_iter().for_each(Entity::remove);
            Dynamic::UNIT
        }),
        Does::Kind => given.entity(0, batch).map(|found| text(found.map(Entity::kind))),
        Does::Id => given.entity(0, batch).map(|found| text(found.map(Entity::id))),
        Does::Count => count(batch, given),
        _ => return None,
    })
}

fn count(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    if let Some(names) = given.value(0).try_cast::<Names>() {
        return Ok(number(Some(names.len() as f64)));
    }
    Ok(number(given.list(0)?.map(|list| list.entities(batch).count() as f64)))
}

fn all(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let kinds = given.names(0)?;
    Ok(match &*kinds {
        [] => List::of(batch.entities()),
        [kind] => List::of(batch.of_kind(kind)),
        kinds => List::of(
            batch.entities().into_iter().filter(|found| kinds.iter().any(|kind| kind == found.kind())),
        ),
    })
}

fn parent(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let above = given.entity(0, batch)?.and_then(Entity::parent);
    if given.len() == 1 {
        return Ok(entity(above));
    }
    let kind = given.name(1)?;
    let mut next = above;
    while let Some(found) = next {
        if found.kind() == kind.as_str() {
            return Ok(entity(Some(found)));
        }
        next = found.parent();
    }
    Ok(Dynamic::UNIT)
}

fn children(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let Some(above) = given.entity(0, batch)? else { return Ok(List::of(Vec::new())) };
    Ok(match given.len() {
        1 => List::of(above.children()),
        _ => List::of(above.children_of_kind(&given.name(1)?)),
    })
}

fn links(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let from = given.entity(0, batch)?;
    let role = given.name(1)?;
    Ok(List::of(from.map(|from| from.links(&role)).unwrap_or_default()))
}

fn find(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let kind = given.name(0)?;
    let id = given.text(1)?;
    Ok(entity(id.and_then(|id| batch.find(&kind, &id))))
}

/// Returns the entity with this kind and id, and adds it if missing: a loop may call it repeatedly.
fn add(batch: &Batch, given: &Arguments<'_, '_>) -> CallResult {
    let (kind, id) = (given.name(0)?, given.name(1)?);
    let parent = given.entity(2, batch)?;
    Ok(entity(Some(batch.find(&kind, &id).unwrap_or_else(|| batch.add(&kind, &id, parent)))))
}
