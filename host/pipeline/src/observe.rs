//! Observation of running pipelines: what enters and leaves each slot.

use std::fmt;

use insightd_sandbox::Slot;
use insights_batch::{Columns, Event};

/// An observer of pipelines. Called on the thread that runs them, so it only copies what it wants.
pub trait Observer: fmt::Debug {
    /// Sees the batch that a slot is about to process, or that a stage has made.
    fn batch(&self, location: &Location<'_>, batch: &Columns);

    /// Sees the events of an output that its sink, whose index is `sink`, is about to take.
    fn events(&self, location: &Location<'_>, sink: usize, content_type: &str, events: &[Event<'_>]);
}

/// The place at which something is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location<'a> {
    /// Name of the pipeline.
    pub pipeline: &'a str,
    /// Number among the stages or the outputs, from 1.
    pub number: usize,
    /// `true` for an output.
    pub is_output: bool,
    /// `true` for the last stage, and for the first output of a pipeline without stages: what every output gets is there.
    pub is_last: bool,
    /// Name of the component as in the configuration: `builtin:decorate`.
    pub component: &'a str,
    /// `true` for what leaves the slot.
    pub is_after: bool,
}

/// The part of a location that a slot does not know itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position<'a> {
    pub(crate) pipeline: &'a str,
    pub(crate) number: usize,
    pub(crate) is_last: bool,
}

impl<'a> Location<'a> {
    /// Returns the location before a slot.
    pub(crate) fn before(position: Position<'a>, slot: &'a Slot, is_output: bool) -> Self {
        let Position { pipeline, number, is_last } = position;
        // Slots are named `PIPELINE/COMPONENT`, with the component as in the configuration.
        let name = slot.name().strip_prefix(pipeline).and_then(|name| name.strip_prefix('/'));
        let component = name.unwrap_or(slot.name());
        Self { pipeline, number, is_output, is_last, component, is_after: false }
    }

    /// Returns the location after the same slot.
    pub(crate) fn after(self) -> Self {
        Self { is_after: true, ..self }
    }
}

impl fmt::Display for Location<'_> {
    /// Writes the name of the slot as in logs and metrics: `transform-1`, `output-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", if self.is_output { "output" } else { "transform" }, self.number)
    }
}
