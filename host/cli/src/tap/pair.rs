//! Pairs of batches before and after a stage.

use std::collections::BTreeMap;

use insights_batch::Columns;

use crate::live::When;

/// Maximum number of batches that wait for their other side. An agent has one a scope and pipeline in a tick.
const WAITING: usize = 64;

/// One side of a stage.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) pipeline: String,
    pub(super) slot: String,
    pub(super) component: String,
    pub(super) batch: Columns,
}

/// Pipeline, slot, scope, its id and time.
type Identity = (String, String, String, String, u64);

/// Batches that wait for their other side.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    waiting: BTreeMap<Identity, (When, Half)>,
}

impl Pairs {
    /// Adds a batch. Returns input and output of the stage if this completes them.
    ///
    /// # Errors
    /// Returns the error text if the batch has no side, or too many wait.
    pub(super) fn add(&mut self, when: Option<When>, half: Half) -> Result<Option<(Half, Half)>, String> {
        let when = when.ok_or("a batch of the tap has no `when`")?;
        let batch = &half.batch;
        let identity = (
            half.pipeline.clone(),
            half.slot.clone(),
            batch.scope.clone(),
            batch.scope_id.clone(),
            batch.time_unix_ms,
        );
        match self.waiting.remove(&identity) {
            Some((When::Before, before)) if when == When::After => Ok(Some((before, half))),
            Some((When::After, after)) if when == When::Before => Ok(Some((half, after))),
            _ if self.waiting.len() == WAITING => Err(format!("{WAITING} batches wait for their other side")),
            _ => {
                self.waiting.insert(identity, (when, half));
                Ok(None)
            }
        }
    }

    /// Drops the batches whose other side did not come in this tick, and describes them.
    pub(super) fn end_tick(&mut self) -> Vec<String> {
        let alone = std::mem::take(&mut self.waiting).into_values();
        let note = |(when, half): (When, Half)| {
            let (side, reason) = match when {
                When::Before => ("output", "the stage ended the batch, or the tap left it out"),
                When::After => ("input", "the tap left it out"),
            };
            let Half { pipeline, slot, batch, .. } = half;
            format!(
                "{pipeline} {slot}: no {side} for the batch of {} {}: {reason}",
                batch.scope, batch.scope_id
            )
        };
        alone.map(note).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(id: &str) -> Half {
        let batch = Columns { scope: "node".into(), scope_id: id.into(), ..Columns::default() };
        Half { pipeline: "node".into(), slot: "transform-1".into(), component: "builtin:a".into(), batch }
    }

    #[test]
    fn sides_are_paired_in_any_order() {
        let mut pairs = Pairs::default();
        assert!(pairs.add(Some(When::Before), half("a")).unwrap().is_none());
        assert!(pairs.add(Some(When::After), half("b")).unwrap().is_none());
        let (before, after) = pairs.add(Some(When::After), half("a")).unwrap().unwrap();
        assert_eq!((before.batch.scope_id, after.batch.scope_id), ("a".into(), "a".into()));
        assert_eq!(
            pairs.end_tick(),
            ["node transform-1: no input for the batch of node b: the tap left it out"]
        );
        assert!(pairs.end_tick().is_empty());
        assert!(pairs.add(None, half("a")).is_err());
    }

    #[test]
    fn the_number_of_waiting_batches_is_bounded() {
        let mut pairs = Pairs::default();
        for index in 0..WAITING {
            assert!(pairs.add(Some(When::Before), half(&index.to_string())).unwrap().is_none());
        }
        assert!(pairs.add(Some(When::Before), half("one more")).is_err());
    }
}
