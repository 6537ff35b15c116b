//! Bisection for the data that makes every version of a component fail.
//!
//! A pod with an unusual label must not cost the node its metrics. If all versions fail on a batch, but not on the batch
//! without its pods, the offending pods are found by bisection and left out.

use std::borrow::Cow;
use std::collections::HashMap;

use insights_batch::Columns;
use insights_batch::columns::NO_PARENT;

use crate::subset::subset;
use crate::text::{NAME_BYTES, clip};

/// Attribute shared by all entities about one pod, however the batch connects them.
const POD_UID: &str = "pod.uid";

/// The separable parts of a batch: entities below the roots, grouped so that everything about one pod is one part.
pub(super) struct Parts<'a> {
    columns: &'a Columns,
    /// Part of each entity; `None` for the roots.
    part_of: Vec<Option<u32>>,
    /// Name of each part: a pod's UID, or kind and id of its topmost entity.
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
                // A root, or an entity whose parent is missing.
                None => None,
                Some(&Some(part)) => Some(part),
                Some(None) => {
                    // The name is displayed, and its length is not bounded if another component made it.
                    let name = match uids.get(&(entity as u32)) {
                        Some(uid) => clip(&format!("pod {uid}"), NAME_BYTES),
                        None => {
                            let text =
                                |column: &[u32]| column.get(entity).map_or("", |&id| columns.string(id));
                            clip(&format!("{} {}", text(&entities.kind), text(&entities.id)), NAME_BYTES)
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

    /// Returns the number of the part with this name.
    fn find_name(&self, name: &str) -> Option<u32> {
        self.names.iter().position(|known| known == name).map(|number| number as u32)
    }

    /// Returns the name of a part.
    pub(super) fn name(&self, part: u32) -> &str {
        self.names.get(part as usize).map_or("", String::as_str)
    }

    /// Returns the batch with the wanted parts and all roots.
    pub(super) fn with(&self, wanted: impl Fn(u32) -> bool) -> Columns {
        let keep: Vec<bool> = self.part_of.iter().map(|part| part.is_none_or(&wanted)).collect();
        subset(self.columns, &keep)
    }

    /// Returns the number of parts.
    pub(super) fn count(&self) -> u32 {
        self.names.len() as u32
    }

    /// Searches for the parts that make the batch fail. The whole batch is known to fail.
    ///
    /// The shortest failing prefix of the parts ends with an offending part, which fails alone or together with earlier ones.
    /// Without that part the search is repeated, until the rest passes or `max_parts` parts are found. Each takes about
    /// log2(parts) + 1 probes. `probe` returns true if a batch fails, `whole` returns the output or `Some(None)` on failure; both
    /// return `None` if no time is left.
    pub(super) fn find<T>(
        &self,
        progress: &mut SearchProgress,
        max_parts: usize,
        mut probe: impl FnMut(&Columns) -> Option<bool>,
        mut whole: impl FnMut(&Columns) -> Option<Option<T>>,
    ) -> SearchOutcome<T> {
        let count = self.count();
        if let Some(found) = self.probe_roots(progress, &mut probe) {
            return found;
        }
        let mut passes = self.end(progress.passes.as_ref()).unwrap_or(0);
        let mut fails = self.end(progress.fails.as_ref()).filter(|&fails| fails > passes).unwrap_or(count);
        let mut offending: Vec<u32> = Vec::new();
        while offending.len() < max_parts && passes < count {
            while fails - passes > 1 {
                let middle = passes + (fails - passes) / 2;
                match probe(&self.with(|part| part < middle && !offending.contains(&part))) {
                    None => {
                        (progress.passes, progress.fails) =
                            (self.last(passes, &offending), self.last(fails, &offending));
                        progress.names.extend(offending.iter().map(|&part| self.name(part).to_owned()));
                        return SearchOutcome::Unfinished;
                    }
                    Some(true) => fails = middle,
                    Some(false) => passes = middle,
                }
            }
            offending.push(passes);
            // Without the offending part this prefix equals the preceding one, which passes.
            (passes, fails) = (fails, count);
            match whole(&self.with(|part| !offending.contains(&part))) {
                Some(None) => {}
                outcome => {
                    progress.names.extend(offending.iter().map(|&part| self.name(part).to_owned()));
                    (progress.passes, progress.fails) = (None, None);
                    return outcome.flatten().map_or(SearchOutcome::Unfinished, SearchOutcome::Output);
                }
            }
        }
        SearchOutcome::NotFound
    }

    /// Like [`find`](Self::find), for a batch that fails because it takes too long.
    ///
    /// Time adds up: a prefix of many harmless parts may exceed the time of a probe, although its last part is not to blame.
    /// Only a part that alone takes too long is. Ranges of parts are therefore probed separately, and bisected as long as they
    /// take too long.
    pub(super) fn find_slow<T>(
        &self,
        progress: &mut SearchProgress,
        max_parts: usize,
        mut probe: impl FnMut(&Columns) -> Option<bool>,
        mut whole: impl FnMut(&Columns) -> Option<Option<T>>,
    ) -> SearchOutcome<T> {
        let count = self.count();
        if let Some(found) = self.probe_roots(progress, &mut probe) {
            return found;
        }
        let mut offending: Vec<u32> = Vec::new();
        let from = self.end(progress.passes.as_ref()).unwrap_or(0);
        let to = self.end(progress.fails.as_ref()).filter(|&to| to > from).unwrap_or(count);
        let mut ranges = vec![(to, count), (from, to)];
        while let Some((from, to)) = ranges.pop() {
            let length = to.saturating_sub(from);
            // The whole batch is known to take too long.
            let fails = match length {
                0 => Some(false),
                length if length == count && count > 1 => Some(true),
                _ => probe(&self.with(|part| (from..to).contains(&part))),
            };
            match fails {
                None => {
                    (progress.passes, progress.fails) =
                        (self.last(from, &offending), self.last(to, &offending));
                    progress.names.extend(offending.iter().map(|&part| self.name(part).to_owned()));
                    return SearchOutcome::Unfinished;
                }
                Some(false) => {}
                Some(true) if length > 1 => {
                    let middle = from + length / 2;
                    ranges.extend([(middle, to), (from, middle)]);
                }
                Some(true) if offending.len() < max_parts => offending.push(from),
                Some(true) => return SearchOutcome::NotFound,
            }
        }
        // Each part alone is fast enough: there are too many parts, and none is to blame.
        if offending.is_empty() && progress.names.is_empty() {
            return SearchOutcome::NotFound;
        }
        let outcome = whole(&self.with(|part| !offending.contains(&part)));
        progress.names.extend(offending.iter().map(|&part| self.name(part).to_owned()));
        match outcome {
            Some(Some(result)) => SearchOutcome::Output(result),
            Some(None) => SearchOutcome::NotFound,
            None => {
                (progress.passes, progress.fails) = (self.last(count, &offending), None);
                SearchOutcome::Unfinished
            }
        }
    }

    /// Probes the roots alone at the start of a search: if they fail, the parts are not to blame.
    fn probe_roots<T>(
        &self,
        progress: &mut SearchProgress,
        probe: &mut impl FnMut(&Columns) -> Option<bool>,
    ) -> Option<SearchOutcome<T>> {
        if progress.roots_pass {
            return None;
        }
        match probe(&self.with(|_| false)) {
            None => Some(SearchOutcome::Unfinished),
            Some(true) => Some(SearchOutcome::NotFound),
            Some(false) => {
                progress.roots_pass = true;
                None
            }
        }
    }

    /// Returns the number of the part after the one with this name.
    fn end(&self, name: Option<&String>) -> Option<u32> {
        name.and_then(|name| self.find_name(name)).map(|part| part + 1)
    }

    /// Returns the name of the last part before `end` that remains in the next batch.
    fn last(&self, end: u32, offending: &[u32]) -> Option<String> {
        let last = (0..end).rev().find(|part| !offending.contains(part))?;
        Some(self.name(last).to_owned())
    }
}

/// Progress of a search that ran out of time.
#[derive(Clone, Debug, Default)]
pub(super) struct SearchProgress {
    /// Names of the offending parts found so far.
    pub(super) names: Vec<String>,
    /// `true` if the batch without any part is known to pass.
    roots_pass: bool,
    /// Last part of the longest prefix known to pass without them.
    passes: Option<String>,
    /// Last part of the shortest prefix known to fail, or of the next range to probe.
    fails: Option<String>,
    /// Batches that the search took so far.
    pub(super) batches: u32,
}

/// Outcome of a search.
#[derive(Debug, PartialEq)]
pub(super) enum SearchOutcome<T> {
    /// Output of the batch without the offending parts.
    Output(T),
    /// No part is to blame, or too many are.
    NotFound,
    /// No time is left; the search continues with the next batch.
    Unfinished,
}

/// Returns a batch without the parts of these names, as returned by [`Slot::quarantined`](super::Slot::quarantined).
pub fn without_parts<'a, 'n>(
    columns: &'a Columns,
    names: impl IntoIterator<Item = &'n str>,
) -> Cow<'a, Columns> {
    let mut names = names.into_iter().peekable();
    if names.peek().is_none() {
        return Cow::Borrowed(columns);
    }
    let parts = Parts::new(columns);
    let left_out: Vec<u32> = names.filter_map(|name| parts.find_name(name)).collect();
    if left_out.is_empty() {
        return Cow::Borrowed(columns);
    }
    Cow::Owned(parts.with(|part| !left_out.contains(&part)))
}

#[cfg(test)]
mod tests;
