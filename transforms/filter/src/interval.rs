//! Events that are passed on less often than at every tick.

use insights_sdk::prelude::*;

/// Key of the state: time of the previous tick, milliseconds since the Unix epoch.
const PREVIOUS: &str = "tick";

/// Removes type and values of the events whose period did not end since the previous tick; returns their number. Identity
/// and children remain: children are events of their own.
pub(crate) fn apply(intervals: &[(String, u64)], previous_ms: Option<u64>, batch: &Batch) -> u64 {
    let now_ms = batch.time_unix_ms();
    let is_due =
        |period_ms: u64| previous_ms.is_none_or(|previous| now_ms / period_ms != previous / period_ms);
    let held: Vec<&str> =
        intervals.iter().filter(|(_, period)| !is_due(*period)).map(|(kind, _)| kind.as_str()).collect();
    if held.is_empty() {
        return 0;
    }
    let key = batch.name("Type");
    let mut dropped = 0;
    for entity in batch.entities() {
        if entity.attribute(key).is_some_and(|kind| held.contains(&kind)) {
            entity.remove_attribute(key);
            entity.retain_point_names(|_| false);
            dropped += 1;
        }
    }
    dropped
}

/// Returns the time of the previous tick, milliseconds since the Unix epoch, and stores that of this tick. Without state, it is
/// one interval before this tick. `None` if this is the first tick, or nothing is known.
pub(crate) fn previous(batch: &Batch) -> Option<u64> {
    let now = batch.time_unix_ms();
    let stored = state::get::<u64>(PREVIOUS);
    let has_state = state::put(PREVIOUS, &now).is_ok();
    if stored.is_some() || has_state {
        return stored;
    }
    Some(batch.interval_ms()).filter(|&interval| interval > 0).map(|interval| now.saturating_sub(interval))
}
