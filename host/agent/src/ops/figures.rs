//! What the worker thread publishes after a tick.

use insightd_sandbox::Stats as SlotStats;
use insightd_state::Stats;

use crate::counters::{Counters, Flow};
use crate::pipeline::{Pipeline, Place};
use crate::sinks::SinkSet;
use crate::states::States;

/// The state of the agent's work after a tick.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// The tick's time.
    pub time_unix_ms: u64,
    /// What is counted over all pipelines.
    pub counters: Counters,
    /// Every place where a component runs.
    pub components: Vec<ComponentFigures>,
    /// Every output.
    pub outputs: Vec<OutputFigures>,
    /// Every open sink.
    pub sinks: Vec<SinkFigures>,
    /// What transforms remember.
    pub state: Option<Stats>,
}

/// A place where a component runs.
#[derive(Clone, Debug)]
pub struct ComponentFigures {
    /// Name of the pipeline.
    pub pipeline: String,
    /// `transform-1`, `output-1`: two places may have the same component.
    pub place: String,
    /// As the configuration names it: `builtin:decorate`.
    pub component: String,
    /// What is counted there.
    pub stats: SlotStats,
    /// Parts of batches that are set aside at present.
    pub aside: Vec<String>,
    /// Since which tick the current version is there.
    pub since_unix_ms: u64,
    /// Batches in a row for which no version worked.
    pub down: u64,
    /// What runs there, or ran, or would take over.
    pub versions: Vec<VersionFigures>,
}

/// One version of a component.
#[derive(Clone, Debug)]
pub struct VersionFigures {
    /// `current`, `last-good` or `builtin`.
    pub origin: &'static str,
    /// What it calls itself.
    pub version: String,
    /// Of its WebAssembly.
    pub sha256: [u8; 32],
    /// True while it is given up.
    pub bad: bool,
    /// Batches until it is tried again, where it is given up.
    pub retry_in: Option<u64>,
}

/// An output of a pipeline.
#[derive(Clone, Debug)]
pub struct OutputFigures {
    /// Name of the pipeline.
    pub pipeline: String,
    /// As that of its formatter.
    pub place: String,
    /// Name of its sink.
    pub sink: String,
    /// What went through it.
    pub flow: Flow,
}

/// A sink.
#[derive(Clone, Debug)]
pub struct SinkFigures {
    /// Its name.
    pub name: String,
    /// What it took.
    pub flow: Flow,
}

impl Figures {
    /// Those of these parts.
    pub fn of(
        time_unix_ms: u64,
        counters: &Counters,
        pipelines: &[Pipeline],
        sinks: &SinkSet,
        states: &States,
    ) -> Self {
        let (counters, state) = (counters.clone(), Some(states.stats()));
        let mut figures = Self { time_unix_ms, counters, state, ..Self::default() };
        for pipeline in pipelines {
            for place in pipeline.places() {
                let name = place_name(place);
                if let Place::Output(_, output) = place {
                    figures.outputs.push(OutputFigures {
                        pipeline: pipeline.name.clone(),
                        place: name.clone(),
                        sink: sinks.name(output.sink()).to_owned(),
                        flow: output.flow(),
                    });
                }
                figures.components.push(component(&pipeline.name, name, place));
            }
        }
        let sink = |(name, flow): (&str, Flow)| SinkFigures { name: name.to_owned(), flow };
        figures.sinks = sinks.flows().map(sink).collect();
        figures
    }
}

fn place_name(place: Place<'_>) -> String {
    match place {
        Place::Stage(number, _) => format!("transform-{number}"),
        Place::Output(number, _) => format!("output-{number}"),
    }
}

fn component(pipeline: &str, place: String, at: Place<'_>) -> ComponentFigures {
    let slot = at.slot();
    // Slots are named PIPELINE/COMPONENT.
    let name = slot.name().strip_prefix(pipeline).and_then(|name| name.strip_prefix('/'));
    let version = |version: insightd_sandbox::VersionStats<'_>| VersionFigures {
        origin: version.origin.as_str(),
        version: version.component.description().version.clone(),
        sha256: *version.component.sha256(),
        bad: version.bad,
        retry_in: version.retry_in,
    };
    ComponentFigures {
        pipeline: pipeline.to_owned(),
        place,
        component: name.unwrap_or(slot.name()).to_owned(),
        stats: slot.stats().clone(),
        aside: slot.aside().map(str::to_owned).collect(),
        since_unix_ms: slot.since_unix_ms(),
        down: slot.down(),
        versions: slot.versions().map(version).collect(),
    }
}
