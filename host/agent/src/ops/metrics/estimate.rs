//! Metrics of the estimate of each output: what it sends a day. There is no price in the agent.

use std::fmt;

use insightd_pipeline::Estimate;

use super::super::page::{Labels, Page, bytes, plain};
use super::super::stats::OutputStats;

pub(super) fn write(outputs: &[OutputStats], page: &mut Page<'_>) -> fmt::Result {
    fn labels(output: &OutputStats) -> Labels<'_, 3> {
        [("pipeline", &output.pipeline), ("slot", &output.slot), ("sink", &output.sink)]
    }
    let known = |of: fn(&Estimate) -> Option<f64>| {
        outputs.iter().filter_map(move |output| Some((labels(output), of(output.estimate.as_ref()?)?)))
    };
    let series = outputs
        .iter()
        .filter_map(|output| Some((labels(output), output.estimate.as_ref().and_then(|one| one.series)?)));
    page.states(
        plain("insightd_estimate_series", "Distinct series in ten ticks, at most 50000 are counted"),
        series,
    )?;
    page.states(
        plain("insightd_estimate_daily_events", "Events a day at the mean rate of the last ten ticks"),
        known(|one| Some(one.events_a_day)),
    )?;
    page.states(
        bytes(
            "insightd_estimate_daily",
            "Bytes of events a day before compression, at the mean rate of the last ten ticks",
        ),
        known(|one| Some(one.bytes_a_day)),
    )?;
    page.states(
        plain("insightd_estimate_daily_points", "Data points or samples a day at the mean rate of ten ticks"),
        known(|one| one.points_a_day),
    )
}
