//! The layout of a chart: a panel for each unit, its lines, and a legend.

mod draw;
mod label;

use std::collections::BTreeSet;

use super::series::{Collected, Key, Values};
use crate::arguments::Size;

pub(super) use label::labels;

/// A line of a chart.
#[derive(Debug)]
struct Line<'c> {
    metric: &'c str,
    label: String,
    /// Pieces without gaps.
    pieces: Vec<Vec<(u64, f64)>>,
}

impl Line<'_> {
    fn points(&self) -> impl Iterator<Item = (u64, f64)> {
        self.pieces.iter().flatten().copied()
    }
}

/// The lines of one unit, or of a metric without one.
#[derive(Debug)]
struct Panel<'c> {
    unit: Option<&'c str>,
    lines: Vec<Line<'c>>,
}

impl Panel<'_> {
    fn has(&self, metric: &str) -> bool {
        self.lines.iter().any(|line| line.metric == metric)
    }
}

/// A chart.
#[derive(Debug)]
pub(super) struct Chart<'c> {
    metrics: &'c [String],
    recording: &'c str,
    panels: Vec<Panel<'c>>,
    /// First and last time of the recording.
    times: (u64, u64),
    left_out: usize,
}

impl<'c> Chart<'c> {
    /// Chooses the lines: at most `limit`, those with the largest values of each metric.
    pub(super) fn new(collected: &'c Collected, limit: usize, recording: &'c str) -> Self {
        let chosen = chosen(collected, limit);
        let left_out = collected.series.len() - chosen.len();
        let labels = labels(&chosen.iter().map(|(key, _)| *key).collect::<Vec<_>>());
        let mut panels: Vec<Panel<'c>> = Vec::new();
        for ((key, values), label) in chosen.into_iter().zip(labels) {
            let metric = collected.metrics.get(key.metric).map_or("", String::as_str);
            let unit = collected.units.get(metric).map(String::as_str);
            let line = Line { metric, label, pieces: pieces(collected, key, values) };
            // Without a unit, two metrics need not have the same one.
            let is_same =
                |panel: &&mut Panel<'_>| panel.unit == unit && (unit.is_some() || panel.has(metric));
            match panels.iter_mut().find(is_same) {
                Some(panel) => panel.lines.push(line),
                None => panels.push(Panel { unit, lines: vec![line] }),
            }
        }
        let times: BTreeSet<u64> = collected.frames.values().flatten().copied().collect();
        let times = (times.first().copied().unwrap_or_default(), times.last().copied().unwrap_or_default());
        Self { metrics: &collected.metrics, recording, panels, times, left_out }
    }

    /// Returns the number of series without a line.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    /// Returns the chart as SVG.
    pub(super) fn svg(&self, size: Size) -> String {
        draw::svg(self, size)
    }
}

/// Returns the series that become lines. The metrics take turns, so that each has lines.
fn chosen(collected: &Collected, limit: usize) -> Vec<(&Key, &Values)> {
    let largest = |values: &Values| values.values().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut by_metric: Vec<Vec<(&Key, &Values)>> = vec![Vec::new(); collected.metrics.len()];
    for (key, values) in &collected.series {
        by_metric[key.metric].push((key, values));
    }
    for series in &mut by_metric {
        // Stable: of equal ones the first by name.
        series.sort_by(|(_, a), (_, b)| largest(b).total_cmp(&largest(a)));
    }
    let rounds = by_metric.iter().map(Vec::len).max().unwrap_or(0);
    let turns =
        (0..rounds).flat_map(|round| by_metric.iter().filter_map(move |series| series.get(round).copied()));
    let mut chosen: Vec<(&Key, &Values)> = turns.take(limit).collect();
    chosen.sort_by_key(|(key, _)| key.metric);
    chosen
}

/// Splits the values of a series where a frame of its scope has none.
fn pieces(collected: &Collected, key: &Key, values: &Values) -> Vec<Vec<(u64, f64)>> {
    let mut pieces = vec![Vec::new()];
    for time in collected.frames.get(&key.scope).into_iter().flatten() {
        match (values.get(time), pieces.last_mut()) {
            (Some(value), Some(piece)) => piece.push((*time, *value)),
            (None, Some(piece)) if !piece.is_empty() => pieces.push(Vec::new()),
            _ => {}
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests;
