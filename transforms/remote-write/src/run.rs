//! Formatting of one slice of a batch.

use alloc::string::String;

use insightd_series::{Family, Kind, PROMETHEUS, Point, Series, cut};
use insights_sdk::json::integer_text;
use insights_sdk::{Batch, Limits, Payloads, log};

use crate::labels::Labels;
use crate::options::{NAME, Options};
use crate::request::Requests;
use crate::seen::Seen;
use crate::symbols::Sample;

/// Most bytes of a request before compression. Amazon Managed Service for Prometheus takes 1 MB.
const MAX_BYTES: usize = 1_000_000;
/// Bits of the NaN that ends a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Formats all requests of a slice.
pub(crate) fn run(options: &Options, batch: &Batch, limits: &Limits) -> Payloads {
    let series = Series::new(batch, &PROMETHEUS, &options.selection);
    let max_bytes = MAX_BYTES.min(limits.max_event_bytes as usize);
    let mut requests = Requests::new(batch.time_unix_ms(), options.max_series, max_bytes);
    let mut seen = options
        .stale_markers
        .then(|| Seen::begin(batch, &mut |labels, time| mark(&mut requests, labels, time)));
    // Markers are for an earlier time: receivers want the samples of a series in order, request by request.
    requests.end();
    let (mut labels, mut name, mut repeated) = (Labels::default(), String::new(), 0_u64);
    for group in series.groups() {
        let metadata = (kind(group.family), group.family.help, unit(group.family));
        group.points(&mut |point| {
            describe(&mut labels, &mut name, point, batch, options);
            if seen.as_mut().is_some_and(|seen| !seen.add(&labels)) {
                repeated += 1;
                return;
            }
            let (bits, time_unix_ms) = (point.value.to_bits(), batch.time_unix_ms());
            requests.series(&labels, &Sample { bits, time_unix_ms, metadata: Some(metadata) });
        });
    }
    if let Some(seen) = seen {
        seen.end(&mut |labels, time| mark(&mut requests, labels, time));
    }
    series.report();
    report(repeated, requests.dropped, max_bytes);
    requests.finish()
}

/// Ends a series.
fn mark(requests: &mut Requests, labels: &Labels, time_unix_ms: u64) {
    requests.series(labels, &Sample { bits: STALE, time_unix_ms, metadata: None });
}

/// Collects the labels of a point: its own, and those of all series.
fn describe(labels: &mut Labels, name: &mut String, point: &Point<'_, '_>, batch: &Batch, options: &Options) {
    labels.clear();
    labels.push(NAME, point.family.name);
    point.prometheus_labels(name, &mut |name, value| labels.push(name, value));
    for (name, value) in &options.external_labels {
        if !value.is_empty() && !labels.has(name) {
            labels.push(name, value);
        }
    }
    // Those of a scrape, whose target is the node.
    for (name, value) in [("instance", cut(batch.scope_id())), ("job", "insightd")] {
        let is_configured = options.external_labels.iter().any(|(known, _)| known == name);
        if !is_configured && !labels.has(name) && !value.is_empty() {
            labels.push(name, value);
        }
    }
    labels.sort();
}

/// Returns the type as `Metadata.MetricType`.
fn kind(family: &Family<'_>) -> u64 {
    match family.kind {
        Kind::Counter => 1,
        Kind::Gauge | Kind::UpDown => 2,
    }
}

/// Returns the unit as Prometheus names it; empty if it has no name there.
fn unit(family: &Family<'_>) -> &'static str {
    match family.unit {
        "s" => "seconds",
        "By" => "bytes",
        "Cel" => "celsius",
        "%" => "percent",
        "W" => "watts",
        "J" => "joules",
        "Hz" => "hertz",
        "1" if family.name.ends_with("_ratio") => "ratio",
        _ => "",
    }
}

fn report(repeated: u64, dropped: u64, max_bytes: usize) {
    if repeated > 0 {
        log::warn(
            &[&integer_text(repeated), " series left out: another slice of the batch has them"].concat(),
        );
    }
    if dropped > 0 {
        let (count, limit) = (integer_text(dropped), integer_text(max_bytes as u64));
        log::error(
            &[&count, " series dropped: each alone makes a request of more than ", &limit, " bytes"].concat(),
        );
    }
}
