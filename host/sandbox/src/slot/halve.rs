//! Finding the data that makes every version of a component fail.
//!
//! One pod with an odd label must not cost the node its metrics. When all versions fail on a batch, and would not fail on
//! the batch without its pods, the pod is found by halving and left out.

use std::borrow::Cow;
use std::collections::HashMap;

use insights_sdk::Columns;
use insights_sdk::columns::NO_PARENT;

use crate::subset::subset;

/// Key that entities about one pod have in common, however the batch connects them.
const POD_UID: &str = "pod.uid";

/// The parts into which a batch can be taken: what is below the roots, everything about one pod together.
pub(super) struct Parts<'a> {
    columns: &'a Columns,
    /// Part of each entity; none for the roots.
    part_of: Vec<Option<u32>>,
    /// Name of each part: a pod's uid, or kind and id of its topmost entity.
    names: Vec<String>,
}

impl<'a> Parts<'a> {
    pub(super) fn new(columns: &'a Columns) -> Self {
        let mut uids = HashMap::new();
        let attributes = &columns.attributes;
        for ((&entity, &key), &value) in attributes.entity.iter().zip(&attributes.key).zip(&attributes.value)
        {
            if columns.string(key) == POD_UID {
                uids.insert(entity, columns.string(value));
            }
        }
        let entities = &columns.entities;
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut names = Vec::new();
        let mut part_of: Vec<Option<u32>> = Vec::with_capacity(entities.kind.len());
        for (entity, &parent) in entities.parent.iter().enumerate() {
            let part = match part_of.get(parent as usize) {
                // A root, or an entity whose parent is not there.
                None => None,
                Some(&Some(part)) => Some(part),
                Some(None) => {
                    let name = match uids.get(&(entity as u32)) {
                        Some(uid) => format!("pod {uid}"),
                        None => {
                            let text =
                                |column: &[u32]| column.get(entity).map_or("", |&id| columns.string(id));
                            format!("{} {}", text(&entities.kind), text(&entities.id))
                        }
                    };
                    Some(*numbers.entry(name).or_insert_with_key(|name| {
                        names.push(name.clone());
                        names.len() as u32 - 1
                    }))
                }
            };
            debug_assert!(parent == NO_PARENT || (parent as usize) < entity);
            part_of.push(part);
        }
        Self { columns, part_of, names }
    }

    /// Number of the part of this name.
    fn find(&self, name: &str) -> Option<u32> {
        self.names.iter().position(|known| known == name).map(|number| number as u32)
    }

    /// Name of a part.
    pub(super) fn name(&self, part: u32) -> &str {
        self.names.get(part as usize).map_or("", String::as_str)
    }

    /// The batch with these parts, and the roots, which are always there.
    pub(super) fn with(&self, wanted: impl Fn(u32) -> bool) -> Columns {
        let keep: Vec<bool> = self.part_of.iter().map(|part| part.is_none_or(&wanted)).collect();
        subset(self.columns, &keep)
    }

    /// The one part that makes the batch fail. None when there is not one, or `fails` has no patience left, which it says
    /// with None.
    ///
    /// It takes about log2(parts) + 1 tries.
    pub(super) fn culprit(&self, mut fails: impl FnMut(&Columns) -> Option<bool>) -> Option<u32> {
        // What fails without any part fails whatever they say.
        if self.names.len() < 2 || fails(&self.with(|_| false))? {
            return None;
        }
        let mut suspects = 0..self.names.len() as u32;
        while suspects.len() > 1 {
            let middle = suspects.start + suspects.len() as u32 / 2;
            let first = suspects.start..middle;
            suspects =
                if fails(&self.with(|part| first.contains(&part)))? { first } else { middle..suspects.end };
        }
        Some(suspects.start)
    }
}

/// A batch without the parts of these names, which are those that [`Slot::aside`](super::Slot::aside) gives.
pub fn without<'a, 'n>(columns: &'a Columns, names: impl IntoIterator<Item = &'n str>) -> Cow<'a, Columns> {
    let mut names = names.into_iter().peekable();
    if names.peek().is_none() {
        return Cow::Borrowed(columns);
    }
    let parts = Parts::new(columns);
    let left_out: Vec<u32> = names.filter_map(|name| parts.find(name)).collect();
    if left_out.is_empty() {
        return Cow::Borrowed(columns);
    }
    Cow::Owned(parts.with(|part| !left_out.contains(&part)))
}

#[cfg(test)]
mod tests;
