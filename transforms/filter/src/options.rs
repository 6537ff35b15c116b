//! Configuration of the transform.

use insights_sdk::prelude::*;

use crate::duration::{self, HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::rule::Rule;

/// Most entries of `intervals`.
const MAX_INTERVALS: usize = 64;

/// The parsed configuration.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) filters: Filters,
    /// Types of events and their periods in milliseconds.
    pub(crate) intervals: Vec<(String, u64)>,
    pub(crate) new_series: Option<NewSeries>,
    /// `true` if counts are log lines instead of metrics of the batch's own entity.
    pub(crate) to_log: bool,
}

/// Rules by subject; a subject without a rule is passed on.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    pub(crate) namespaces: Option<Rule>,
    pub(crate) metric_names: Option<Rule>,
    pub(crate) pod_labels: Option<Rule>,
    pub(crate) node_labels: Option<Rule>,
}

/// Cap on new series.
#[derive(Debug)]
pub(crate) struct NewSeries {
    /// New series within a window.
    pub(crate) limit: u64,
    pub(crate) window_ms: u64,
    /// Time without a value after which a series is new again.
    pub(crate) forget_after_ms: u64,
}

impl Options {
    /// Reads all keys; problems are recorded in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        let mut filters = Filters::default();
        settings.object("filters", |settings| filters = Filters::read(settings));
        let intervals = intervals(settings);
        let mut new_series = None;
        settings.object("new_series", |settings| new_series = Some(NewSeries::read(settings)));
        Self { filters, intervals, new_series, to_log: to_log(settings) }
    }
}

impl Filters {
    fn read(settings: &mut Settings) -> Self {
        Self {
            namespaces: rule(settings, "namespaces", None),
            metric_names: rule(settings, "metric_names", Some("metricNames")),
            pod_labels: rule(settings, "pod_labels", Some("podLabels")),
            node_labels: rule(settings, "node_labels", Some("nodeLabels")),
        }
    }
}

impl NewSeries {
    fn read(settings: &mut Settings) -> Self {
        if settings.value("limit").is_none() {
            settings.problem("limit", "must be set: the number of new series within a window");
        }
        let limit = settings.integer("limit").unwrap_or(0);
        let window_ms = period(settings, "window", 10 * MINUTE_MS, MINUTE_MS);
        let forget_after_ms = period(settings, "forget_after", window_ms.max(HOUR_MS), window_ms);
        Self { limit, window_ms, forget_after_ms }
    }
}

/// Reads a rule under its name or AWS's spelling of the same name.
fn rule(settings: &mut Settings, key: &str, alias: Option<&str>) -> Option<Rule> {
    let mut found = None;
    for name in [Some(key), alias].into_iter().flatten() {
        let is_second = found.is_some() && settings.value(name).is_some();
        settings.object(name, |settings| found = Some(Rule::read(settings)));
        if is_second {
            settings.problem(
                name,
                ["cannot be combined with ", key, ", another spelling of the same key"].concat(),
            );
        }
    }
    found
}

fn intervals(settings: &mut Settings) -> Vec<(String, u64)> {
    let texts = settings.string_map("intervals").unwrap_or_default();
    if texts.len() > MAX_INTERVALS {
        let most = json::integer_text(MAX_INTERVALS as u64);
        settings.problem("intervals", ["expected at most ", &most, " types of events"].concat());
    }
    let mut intervals = Vec::new();
    for (kind, text) in texts.into_iter().take(MAX_INTERVALS) {
        match duration::parse(&text, SECOND_MS) {
            Ok(period_ms) => intervals.push((kind, period_ms)),
            Err(reason) => settings.problem(&["intervals.", &kind].concat(), reason),
        }
    }
    intervals
}

/// Reads a duration of at least `min_ms`.
fn period(settings: &mut Settings, key: &str, default_ms: u64, min_ms: u64) -> u64 {
    let Some(text) = settings.string(key) else { return default_ms };
    duration::parse(&text, min_ms).unwrap_or_else(|reason| {
        settings.problem(key, reason);
        default_ms
    })
}

fn to_log(settings: &mut Settings) -> bool {
    match settings.string("report").as_deref() {
        None | Some("metrics") => false,
        Some("log") => true,
        Some(_) => {
            settings.problem("report", "expected metrics or log");
            false
        }
    }
}
