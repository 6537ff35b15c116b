//! The state of `insightctl top`: what arrived, and what the user chose. Knows neither terminal nor clock.

mod keys;
mod tables;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use insights_batch::Columns;

use super::figures::Figures;
use super::frame::Frame;
use super::measured;
use super::stage::StageRow;
use super::view::View;
use crate::live::{History, State};

pub(crate) use keys::{Flow, Key};

/// Maximum number of values in all frames that are kept, about 100 MB.
const MAX_VALUES: usize = 4_000_000;
/// Maximum number of frames that are kept of a running agent.
const MAX_FRAMES: usize = 360;
/// Number of frames among which those of the same tick are.
const RECENT: usize = 32;
/// Intervals after which a scope without a new batch is not shown any more: this agent does not lead the cluster any more.
const STALE: u64 = 3;
/// Number of values in a trend.
const TREND: usize = 60;

/// The source of the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A running agent.
    Live,
    /// A recording.
    Recording,
}

/// News for the model.
#[derive(Debug)]
pub(crate) enum Update {
    /// The agent responded with its state.
    State(Box<State>),
    /// The agent responded with its history.
    History(Box<History>),
    /// The agent did not respond, or not with its state.
    Unreachable(String),
    /// A tap is open.
    TapOpen,
    /// There is no tap, for this reason.
    NoTap(String),
    /// A batch after the last transform of a pipeline, or the error text if it got no further than here.
    Batch { pipeline: String, batch: Box<Columns>, stages: Option<Arc<[StageRow]>>, problem: Option<String> },
    /// Batches that the tap left out.
    Skipped(u64),
    /// The recording has ended, or the rest of it cannot be read.
    End(Option<String>),
}

/// The state of the tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tap {
    /// Not open yet.
    Waiting,
    /// Open.
    Open,
    /// Not available, for this reason.
    Absent(String),
}

/// The user's choices in a view.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    /// Column or value to sort by, and if the order is reversed.
    pub(crate) sort: Option<(String, bool)>,
    pub(crate) filter: String,
    /// Key of the selected row; the first row if it is gone.
    pub(crate) selected: Option<String>,
}

/// A dialog over the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dialog {
    /// The filter is being typed; the text is the one before.
    Filter(String),
    /// List of names to sort by: what was typed, and the position among the matching ones.
    Sort { typed: String, position: usize },
    /// The keys.
    Help,
}

/// The model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) mode: Mode,
    /// Name of the endpoint or recording, with hidden characters escaped.
    pub(crate) source: String,
    pub(crate) view: View,
    pub(crate) dialog: Option<Dialog>,
    /// Frames do not follow each other by themselves: of an agent the shown one stays.
    pub(crate) is_paused: bool,
    pub(crate) tap: Tap,
    pub(crate) skipped: u64,
    /// Error text of the last request, if it failed.
    pub(crate) unreachable: Option<String>,
    /// Time of the last response, milliseconds of the caller's clock.
    responded_ms: Option<u64>,
    started_ms: u64,
    choices: [Choice; View::ALL.len()],
    pub(crate) frames: Vec<Frame>,
    values: usize,
    /// Number of frames up to the shown one.
    pub(crate) shown: usize,
    /// The recording is read to its end.
    pub(crate) is_complete: bool,
    /// Error text about the recording.
    pub(crate) problem: Option<String>,
    pub(crate) figures: Figures,
    pub(crate) state: Option<State>,
    history: History,
}

impl Model {
    /// Creates a model without data.
    pub(crate) fn new(mode: Mode, source: &str, view: View, now_ms: u64) -> Self {
        Self {
            mode,
            source: insightd::visible::line(source).into_owned(),
            view,
            dialog: None,
            is_paused: mode == Mode::Recording,
            tap: Tap::Waiting,
            skipped: 0,
            unreachable: None,
            responded_ms: None,
            started_ms: now_ms,
            choices: Default::default(),
            frames: Vec::new(),
            values: 0,
            shown: 0,
            is_complete: false,
            problem: None,
            figures: Figures::default(),
            state: None,
            history: History::default(),
        }
    }

    /// Applies news. Returns false if no more frames of a recording fit into memory.
    pub(crate) fn apply(&mut self, update: Update, now_ms: u64) -> bool {
        match update {
            Update::State(state) => {
                (self.state, self.unreachable, self.responded_ms) = (Some(*state), None, Some(now_ms));
            }
            Update::History(history) => self.history = *history,
            Update::Unreachable(error) => self.unreachable = Some(escaped(&error)),
            Update::TapOpen => self.tap = Tap::Open,
            Update::NoTap(reason) => self.tap = Tap::Absent(escaped(&reason)),
            Update::Skipped(batches) => self.skipped = self.skipped.saturating_add(batches),
            Update::Batch { pipeline, batch, stages, problem } => {
                let mut frame = match problem {
                    Some(problem) => Frame::failed(&pipeline, &batch, problem),
                    None => Frame::new(&pipeline, *batch, &mut self.figures),
                };
                frame.stages = stages;
                return self.push(frame);
            }
            Update::End(problem) => {
                self.is_complete = true;
                self.problem = problem.map(|problem| escaped(&problem)).or(self.problem.take());
            }
        }
        true
    }

    fn push(&mut self, frame: Frame) -> bool {
        let size = frame.size();
        if self.mode == Mode::Recording && self.values + size > MAX_VALUES {
            self.is_complete = true;
            self.problem = Some(format!("only the first {} frames fit into memory", self.frames.len()));
            return false;
        }
        // The second pipeline of a scope would only show the same objects again.
        let is_again = |other: &Frame| {
            measured::is_same_scope(other, &frame)
                && other.time_unix_ms == frame.time_unix_ms
                && other.pipeline != frame.pipeline
        };
        if self.frames.iter().rev().take(RECENT).any(is_again) {
            return true;
        }
        let is_newest = self.shown == self.frames.len();
        self.values += size;
        self.frames.push(frame);
        if self.frames.len() == 1 || is_newest && self.mode == Mode::Live && !self.is_paused {
            self.shown = self.frames.len();
        }
        while self.mode == Mode::Live
            && (self.frames.len() > MAX_FRAMES || self.values > MAX_VALUES)
            && self.frames.len() > 1
        {
            self.values -= self.frames.remove(0).size();
            self.shown = self.shown.saturating_sub(1).max(1);
        }
        true
    }

    /// Shows the next frame of a recording that plays; at its end, playing ends.
    pub(crate) fn play(&mut self) {
        if self.mode == Mode::Recording && !self.is_paused {
            self.step(1);
            self.is_paused = self.is_complete && self.shown >= self.frames.len();
        }
    }

    fn step(&mut self, by: isize) {
        let last = self.frames.len();
        self.shown = self.shown.saturating_add_signed(by).clamp(last.min(1), last);
    }

    /// Shows the newest frame.
    pub(crate) fn show_newest(&mut self) {
        self.shown = self.frames.len();
    }

    /// Returns the number of the shown frame, from 1, and the number of all.
    pub(crate) fn position(&self) -> (usize, usize) {
        (self.shown, self.frames.len())
    }

    /// Returns the time of the shown frame or else of the state.
    pub(crate) fn time_unix_ms(&self) -> Option<u64> {
        let state = self.state.as_ref().map(|state| state.time_unix_ms);
        self.newest().map(|frame| frame.time_unix_ms).or(state)
    }

    /// Returns the time since the last response, milliseconds, if the last request failed or none has come.
    pub(crate) fn silent_ms(&self, now_ms: u64) -> Option<u64> {
        let since = now_ms.saturating_sub(self.responded_ms.unwrap_or(self.started_ms));
        (self.mode == Mode::Live && self.unreachable.is_some()).then_some(since)
    }

    /// Returns true once the agent has responded or a frame has come.
    pub(crate) fn has_data(&self) -> bool {
        self.state.is_some() || !self.frames.is_empty()
    }

    /// Returns the user's choices in the view.
    pub(crate) fn choice(&self) -> &Choice {
        &self.choices[self.view.index()]
    }

    /// Sorts the view by a column or metric, in its first order.
    pub(crate) fn sort_by(&mut self, name: &str) {
        self.choice_mut().sort = Some((name.to_owned(), false));
    }

    pub(crate) fn choice_mut(&mut self) -> &mut Choice {
        &mut self.choices[self.view.index()]
    }

    pub(crate) fn newest(&self) -> Option<&Frame> {
        self.frames.get(self.shown.checked_sub(1)?)
    }

    /// Returns the shown frame of each scope, in the order of their first frames.
    pub(crate) fn shown_frames(&self) -> Vec<&Frame> {
        let mut newest: Vec<&Frame> = Vec::new();
        for frame in self.frames.iter().take(self.shown) {
            match newest.iter_mut().find(|other| measured::is_same_scope(other, frame)) {
                Some(other) => *other = frame,
                None => newest.push(frame),
            }
        }
        let now = newest.iter().map(|frame| frame.time_unix_ms).max().unwrap_or(0);
        let is_stale =
            |frame: &Frame| now.saturating_sub(frame.time_unix_ms) > frame.interval_ms.saturating_mul(STALE);
        newest.retain(|frame| self.mode == Mode::Recording || !is_stale(frame));
        newest
    }
}

fn escaped(text: &str) -> String {
    insightd::visible::line(text).into_owned()
}
