//! Output of the agent: events, and lines of its own log.

use std::collections::BTreeMap;

use insightd_tests::cadvisor::Sample;
use serde_json::Value;

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// Time of its tick.
    pub(crate) time_ms: u64,
    pub(crate) value: Value,
}

impl Event {
    /// Parses a line; returns `None` if it is not an event.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        value.get("Type")?;
        let time_ms = value["Timestamp"].as_str()?.parse().ok()?;
        Some(Self { time_ms, value })
    }

    pub(crate) fn kind(&self) -> &str {
        self.text("Type")
    }

    /// Returns true for events of the pipeline that writes raw counters.
    pub(crate) fn is_raw(&self) -> bool {
        self.value.get("Figures").is_some()
    }

    /// Returns an attribute, empty if it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.value[name].as_str().unwrap_or("")
    }

    /// Returns a member of the object `kubernetes`, empty if it is missing.
    pub(crate) fn about(&self, name: &str) -> &str {
        self.value["kubernetes"][name].as_str().unwrap_or("")
    }

    /// Returns the value of a metric.
    pub(crate) fn figure(&self, name: &str) -> Option<f64> {
        self.value[name].as_f64()
    }

    /// Returns all metrics with their values.
    pub(crate) fn figures(&self) -> impl Iterator<Item = (&str, f64)> {
        self.value
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?)))
    }

    /// Returns `NAMESPACE/POD`.
    pub(crate) fn pod(&self) -> String {
        format!("{}/{}", self.about("namespace_name"), self.about("pod_name"))
    }

    /// Returns the container's id, with or without a runtime member around it.
    pub(crate) fn container_id(&self) -> &str {
        let about = &self.value["kubernetes"];
        let id =
            about.as_object().into_iter().flatten().find_map(|(_, runtime)| runtime["container_id"].as_str());
        id.or(about["container_id"].as_str()).unwrap_or("")
    }

    /// Returns a key that distinguishes the event from all others of its tick.
    pub(crate) fn identity(&self) -> String {
        let parts = [
            self.kind(),
            self.about("namespace_name"),
            self.about("pod_name"),
            self.about("container_name"),
            self.text("device"),
            self.text("interface"),
            self.text("Namespace"),
            self.text("Service"),
            self.text("PodName"),
        ];
        parts.join("|")
    }
}

/// Output of one pod of the agent in a span of time.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) events: Vec<Event>,
    /// Samples of the formatter `prometheus`, with the times of their ticks.
    pub(crate) samples: Vec<Sample>,
    /// Lines of its own log.
    pub(crate) log: Vec<String>,
}

impl Output {
    /// Returns the events of the publishing pipelines, by tick.
    pub(crate) fn ticks(&self) -> BTreeMap<u64, Vec<&Event>> {
        let mut ticks: BTreeMap<u64, Vec<&Event>> = BTreeMap::new();
        for event in self.events.iter().filter(|event| !event.is_raw()) {
            ticks.entry(event.time_ms).or_default().push(event);
        }
        ticks
    }

    /// Returns the events of the publishing pipelines by tick, without the last tick: it may still be being written.
    pub(crate) fn whole_ticks(&self) -> BTreeMap<u64, Vec<&Event>> {
        let mut ticks = self.ticks();
        ticks.pop_last();
        ticks
    }

    /// Returns the events with raw counters.
    pub(crate) fn raw(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.is_raw())
    }

    /// Returns the published events of one `Type`.
    pub(crate) fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Event> {
        self.events.iter().filter(move |event| !event.is_raw() && event.kind() == kind)
    }

    /// Returns the first log line that contains all these texts.
    pub(crate) fn said(&self, texts: &[&str]) -> Option<&str> {
        self.log.iter().map(String::as_str).find(|line| texts.iter().all(|text| line.contains(text)))
    }
}
