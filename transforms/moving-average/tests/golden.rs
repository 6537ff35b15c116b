//! Golden cases, run natively, and behaviour without state.
#![allow(clippy::unwrap_used, reason = "tests")]

use insightd_moving_average::MovingAverage;
use insights_sdk::golden::{self, Case};
use insights_sdk::prelude::*;
use insights_sdk::{Transform, log, state};

#[test]
fn golden_cases() {
    golden::run_transform::<MovingAverage>("tests/golden");
}

/// Without state an average would equal the metric itself: nothing is published, and the reason is logged once.
#[test]
fn without_state_nothing_is_published() {
    let case = Case::load("tests/golden/next_tick").unwrap();
    let average = insights_sdk::configure(&case.config, MovingAverage::configure).unwrap();
    let batch = Batch::from_columns(case.batch);
    let ((result, _), lines) = log::capture(|| state::with(None, || average.process(&batch)));
    result.unwrap();
    let averages = batch.entities().into_iter().flat_map(|entity| entity.gauges());
    assert_eq!(averages.filter(|(name, _)| name.ends_with("_avg")).count(), 0);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].1.contains("some averages are not published: state is not granted"), "{lines:?}");
}
