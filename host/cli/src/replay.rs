//! Runs recordings through pipelines without a node, for testing, comparing and measuring.

mod case;
mod chains;
mod changes;
mod collect;
mod cut;
mod event;
mod html;
mod lines;
mod matching;
mod report;
mod summary;
mod tally;

use std::time::{Duration, Instant};

use anyhow::bail;

use insightd::error::Usage;
use insightd::output;
use insightd::recording::Reader;

pub(crate) use case::{Wanted, write_case};
pub(crate) use chains::Chains;
pub(crate) use changes::changes;
pub(crate) use collect::Collect;
pub(crate) use event::Parsed;
pub(crate) use report::Shown;
pub(crate) use summary::{Align, Summary, Table, bytes, unknown_type, utc};

#[cfg(test)]
pub(crate) use event::tests::event as parsed;

use report::Report;

/// Runs a recording through chains whose sinks print the events, and reports the throughput on standard error.
///
/// # Errors
/// [`Usage`] if the recording is invalid; an error if a sink cannot be written, or if component calls failed.
pub(crate) fn replay(recording: &mut Reader, chains: &mut Chains) -> anyhow::Result<()> {
    let begun = Instant::now();
    let (mut batches, mut in_chains) = (0u64, Duration::ZERO);
    while let Some(batch) = recording.next_batch().map_err(|error| Usage(error.to_string()))? {
        let before = Instant::now();
        chains.run(batch)?;
        in_chains += before.elapsed();
        batches += 1;
    }
    let rate = |time: Duration| batches as f64 / time.as_secs_f64().max(1e-9);
    output::message(format_args!(
        "batches: {batches}, events: {}, bytes: {}; in {:.3} s: {:.1} batches a second, {:.1} without reading them",
        chains.delivered().events,
        chains.delivered().bytes,
        begun.elapsed().as_secs_f64(),
        rate(begun.elapsed()),
        rate(in_chains)
    ));
    finish(chains)
}

/// Runs a recording through chains whose sinks are `events`, and summarizes the events of the newest batches.
///
/// # Errors
/// [`Usage`] if the recording is invalid.
pub(crate) fn summarize(
    recording: &mut Reader,
    chains: &mut Chains,
    events: &Collect,
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    each(recording, chains, events, |frame, events| {
        summary.add(frame.scope.clone(), frame.time_unix_ms, events);
    })?;
    Ok(summary)
}

/// The origin and time of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Scope and its id, such as `node` and the node's name.
    pub(crate) scope: (String, String),
    pub(crate) time_unix_ms: u64,
}

/// Runs a recording through chains whose sinks are `events`, and hands over the events of each batch.
///
/// # Errors
/// [`Usage`] if the recording is invalid.
pub(crate) fn each(
    recording: &mut Reader,
    chains: &mut Chains,
    events: &Collect,
    mut visit: impl FnMut(&Frame, Vec<Parsed>),
) -> anyhow::Result<()> {
    while let Some(batch) = recording.next_batch().map_err(|error| Usage(error.to_string()))? {
        let scope = (batch.scope.clone(), batch.scope_id.clone());
        let frame = Frame { scope, time_unix_ms: batch.time_unix_ms };
        chains.run(batch)?;
        visit(&frame, events.take());
    }
    Ok(())
}

/// Prints notes about batches and events that were left out or lost, on standard error.
///
/// # Errors
/// An error if component calls failed.
pub(crate) fn finish(chains: &Chains) -> anyhow::Result<()> {
    for note in chains.notes() {
        output::message(format_args!("{note}"));
    }
    match chains.failures() {
        0 => Ok(()),
        failures => bail!("{failures} component calls failed; see the messages above"),
    }
}

/// Compares the events that two sets of chains produce from a recording, and prints the differences. Returns true if there are none, and
/// the report as a page of this title, if there is one; then only the summary is printed.
///
/// # Errors
/// [`Usage`] if the recording is invalid; an error if a sink cannot be written.
pub(crate) fn diff(
    recording: &mut Reader,
    (a, events_a): (&mut Chains, &Collect),
    (b, events_b): (&mut Chains, &Collect),
    shown: Shown,
    page: Option<&str>,
) -> anyhow::Result<(bool, Option<String>)> {
    let mut report = Report::new(shown, page.is_some());
    let mut batches = 0u64;
    while let Some(batch) = recording.next_batch().map_err(|error| Usage(error.to_string()))? {
        a.run(batch.clone())?;
        b.run(batch)?;
        report.compare(events_a.take(), events_b.take());
        batches += 1;
    }
    let sides = [&*a, &*b];
    for (side, chains) in ["A", "B"].iter().zip(sides) {
        for note in chains.notes() {
            output::message(format_args!("{side}: {note}"));
        }
    }
    let lost = sides.map(|side| side.lost().total());
    Ok(report.finish(page.unwrap_or_default(), batches, sides.map(Chains::failures), lost))
}
