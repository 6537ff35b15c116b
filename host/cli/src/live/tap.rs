//! The tap: its query and its lines.

use std::collections::BTreeMap;

use form_urlencoded::Serializer;
use insights_batch::Columns;
use serde_json::value::RawValue;
use serde_json::{Value, from_str};

/// The side of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum When {
    /// The input of the stage.
    Before,
    /// The output of the stage.
    After,
}

/// Selection of a tap; absent filters match everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct TapQuery {
    /// Batches instead of events.
    pub(crate) batches: bool,
    /// Name of the pipeline.
    pub(crate) pipeline: Option<String>,
    /// Slot of a stage or output, such as `transform-2`.
    pub(crate) slot: Option<String>,
    /// One side of the stage.
    pub(crate) when: Option<When>,
    /// Type of the events, such as `Pod`.
    pub(crate) kind: Option<String>,
    /// Namespace.
    pub(crate) namespace: Option<String>,
    /// Name of the pod.
    pub(crate) pod: Option<String>,
    /// Name of a metric.
    pub(crate) metric: Option<String>,
    /// One of so many ticks.
    pub(crate) every: Option<u64>,
    /// Number of ticks after which the stream ends.
    pub(crate) ticks: Option<u64>,
    /// Bound of the agent for the stream, bytes a second.
    pub(crate) rate_bytes: Option<u64>,
}

impl TapQuery {
    /// Returns the path of the request.
    pub(super) fn path(&self) -> String {
        let mut query = Serializer::new(String::new());
        query.append_pair("at", if self.batches { "batches" } else { "events" });
        let when = self.when.map(|when| match when {
            When::Before => "before".to_owned(),
            When::After => "after".to_owned(),
        });
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let pairs = [
            ("pipeline", self.pipeline.clone()),
            ("slot", self.slot.clone()),
            ("when", when),
            ("type", self.kind.clone()),
            ("namespace", self.namespace.clone()),
            ("pod", self.pod.clone()),
            ("metric", self.metric.clone()),
            ("every", number(self.every)),
            ("ticks", number(self.ticks)),
            ("rate_bytes", number(self.rate_bytes)),
        ];
        for (key, value) in pairs {
            if let Some(value) = value {
                query.append_pair(key, &value);
            }
        }
        // Not every server reads `+` as a space.
        format!("/v1/tap?{}", query.finish().replace('+', "%20"))
    }
}

/// A line of a tap.
#[derive(Debug)]
pub(crate) enum Tapped {
    /// A batch beside a stage.
    Batch { pipeline: String, slot: String, component: String, when: Option<When>, batch: Box<Columns> },
    /// An event of an output.
    Event { time_unix_ms: u64, pipeline: String, slot: String, sink: String, event: Value },
    /// The end of a tick.
    Tick,
    /// Losses by the byte bound or a slow reader.
    Skipped { events: u64, batches: u64 },
    /// A kind of line of later agents.
    Other,
}

impl Tapped {
    /// Parses a line.
    ///
    /// # Errors
    /// Returns the error text if the line is not one of a tap.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        // Only the parts that are used are parsed: a batch has megabytes.
        let fields: BTreeMap<String, &RawValue> =
            from_str(line).map_err(|error| format!("a line of the tap is no JSON object: {error}"))?;
        let raw = |key: &str| fields.get(key).map(|value| value.get());
        let text = |key: &str| raw(key).and_then(|value| from_str::<String>(value).ok()).unwrap_or_default();
        let number = |key: &str| raw(key).and_then(|value| from_str::<u64>(value).ok());
        let missing = |key: &str| format!("a line of the tap has no `{key}`");
        Ok(match &*text("tap") {
            "" => return Err(missing("tap")),
            "batch" => {
                let batch = raw("batch").ok_or_else(|| missing("batch"))?;
                let batch =
                    Columns::from_json(batch).map_err(|error| format!("a batch of the tap: {error}"))?;
                let when = match &*text("when") {
                    "before" => Some(When::Before),
                    "after" => Some(When::After),
                    _ => None,
                };
                let (pipeline, slot, component) = (text("pipeline"), text("slot"), text("component"));
                Self::Batch { pipeline, slot, component, when, batch: Box::new(batch) }
            }
            "event" => {
                let event = raw("event").ok_or_else(|| missing("event"))?;
                let event = from_str(event).map_err(|error| format!("an event of the tap: {error}"))?;
                let time_unix_ms = number("time_unix_ms").ok_or_else(|| missing("time_unix_ms"))?;
                let (pipeline, slot, sink) = (text("pipeline"), text("slot"), text("sink"));
                Self::Event { time_unix_ms, pipeline, slot, sink, event }
            }
            "tick" => Self::Tick,
            "skipped" => Self::Skipped {
                events: number("events").unwrap_or_default(),
                batches: number("batches").unwrap_or_default(),
            },
            _ => Self::Other,
        })
    }
}
