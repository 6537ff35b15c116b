//! Estimate of the cost of a running output: series, bytes and points a day.
//!
//! Bytes and events are the mean of the last [`TICKS`] ticks. Series and points need the content of the events, whose reading takes as
//! long as writing them did, so only every [`STEP`]th tick is read. A window of [`TICKS`] such ticks also sees events that do not come
//! with every tick, whatever their period is, unless that is a multiple of the step.

mod requests;

use std::collections::{BTreeSet, VecDeque};

use insights_batch::Event;
use serde_json::Value;

use crate::series::add_series;

/// Number of ticks whose mean is extrapolated, and that are read for a window.
const TICKS: usize = 10;
/// Number of ticks of which one is read; a prime, because periods of events are not.
const STEP: usize = 7;
/// Maximum number of series that are counted, about 1 MiB while a window is open.
const MAX_SERIES: usize = 50_000;
/// Milliseconds of a day.
const DAY_MS: f64 = 86_400_000.0;

/// Counts the events of an output; idle until the first [`Meter::begin_tick`].
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Number of the tick in its window, from 0; `None` outside of ticks.
    tick: Option<usize>,
    ticks: usize,
    current: Traffic,
    recent: VecDeque<Traffic>,
    window: Window,
    counted: Option<Content>,
}

/// Events of a tick.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    events: u64,
    bytes: u64,
}

/// The content of the events since a window was opened.
#[derive(Debug, Default)]
struct Window {
    ticks: usize,
    series: BTreeSet<u64>,
    has_series: bool,
    points: Option<u64>,
}

/// The content of a window.
#[derive(Clone, Copy, Debug)]
struct Content {
    series: Option<u64>,
    points_a_tick: Option<f64>,
}

/// The estimate of an output. A value that the content of the events does not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Distinct series of a window; at most 50,000 are counted.
    pub series: Option<u64>,
    /// Events a day.
    pub events_a_day: f64,
    /// Bytes of the events a day, before compression.
    pub bytes_a_day: f64,
    /// Data points of OTLP, or samples of remote write, a day.
    pub points_a_day: Option<f64>,
}

impl Meter {
    /// Begins a tick: events are counted from now on.
    pub(crate) fn begin_tick(&mut self) {
        self.tick = Some(self.ticks % (TICKS * STEP));
        self.current = Traffic::default();
        if self.tick == Some(0) {
            self.window = Window::default();
        }
    }

    /// Counts events that the output passes to its sink.
    pub(crate) fn record(&mut self, content_type: &str, events: &[Event<'_>]) {
        let Some(tick) = self.tick else { return };
        self.current.events += events.len() as u64;
        self.current.bytes += events.iter().map(|event| event.bytes.len() as u64).sum::<u64>();
        if tick.is_multiple_of(STEP) {
            events.iter().for_each(|event| self.window.read(content_type, event.bytes));
        }
    }

    /// Ends the tick.
    pub(crate) fn end_tick(&mut self) {
        let Some(tick) = self.tick.take() else { return };
        self.ticks = self.ticks.saturating_add(1);
        self.recent.push_back(self.current);
        if self.recent.len() > TICKS {
            self.recent.pop_front();
        }
        if tick.is_multiple_of(STEP) {
            self.window.ticks += 1;
            // Until the first window is complete, its part is the estimate.
            if self.window.ticks == TICKS || self.ticks <= TICKS * STEP {
                self.counted = Some(self.window.content());
            }
            if self.window.ticks == TICKS {
                self.window = Window::default();
            }
        }
    }

    /// Returns the estimate for ticks at this interval; `None` before the end of the first tick.
    pub(crate) fn estimate(&self, interval_ms: u64) -> Option<Estimate> {
        let counted = self.counted?;
        if self.recent.is_empty() || interval_ms == 0 {
            return None;
        }
        let a_day = |a_tick: f64| a_tick * DAY_MS / interval_ms as f64;
        let sum = |of: fn(&Traffic) -> u64| self.recent.iter().map(of).sum::<u64>() as f64;
        let mean = |of: fn(&Traffic) -> u64| sum(of) / self.recent.len() as f64;
        Some(Estimate {
            series: counted.series,
            events_a_day: a_day(mean(|tick| tick.events)),
            bytes_a_day: a_day(mean(|tick| tick.bytes)),
            points_a_day: counted.points_a_tick.map(a_day),
        })
    }
}

impl Window {
    fn read(&mut self, content_type: &str, event: &[u8]) {
        let before = self.series.len();
        let is_open = before < MAX_SERIES;
        match content_type {
            "application/json" if is_open => {
                let event = serde_json::from_slice::<Value>(event).unwrap_or_default();
                add_series(&event, &mut self.series);
                self.has_series |= self.series.len() > before;
            }
            "application/x-protobuf" => self.read_points(requests::otlp(event)),
            requests::REMOTE_WRITE => self.read_points(requests::remote_write(event)),
            _ => {}
        }
        while self.series.len() > MAX_SERIES {
            self.series.pop_last();
        }
    }

    /// Adds the series of points, by hash; a malformed request counts nothing.
    fn read_points(&mut self, request: Option<requests::Points>) {
        let Some(request) = request else { return };
        *self.points.get_or_insert(0) += request.points;
        self.has_series = true;
        for series in request.series {
            if self.series.len() < MAX_SERIES {
                self.series.insert(series);
            }
        }
    }

    fn content(&self) -> Content {
        let ticks = self.ticks.max(1) as f64;
        Content {
            series: self.has_series.then_some(self.series.len() as u64),
            points_a_tick: self.points.map(|points| points as f64 / ticks),
        }
    }
}

#[cfg(test)]
mod tests;
