//! The values of the wanted metrics, by series.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::filter::{Filter, identity};
use crate::replay::{Frame, Parsed};
use insightd_pipeline::suggest::did_you_mean;

/// Maximum number of series that are kept, and of values of all of them.
const SERIES: usize = 10_000;
const VALUES: usize = 1_000_000;

/// A metric of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Index of the metric among the wanted ones.
    pub(super) metric: usize,
    /// Scope and its id, such as `node` and the node's name.
    pub(super) scope: (String, String),
    /// Names and values of the identifying attributes.
    pub(super) identity: Vec<(String, String)>,
}

/// The values of a series by time, milliseconds since the Unix epoch.
pub(super) type Values = BTreeMap<u64, f64>;

/// The series of a recording.
#[derive(Debug)]
pub(super) struct Collected {
    /// The wanted metrics.
    pub(super) metrics: Vec<String>,
    pub(super) series: BTreeMap<Key, Values>,
    /// Units of the wanted metrics, as events declare them.
    pub(super) units: BTreeMap<String, String>,
    /// Times of the frames of each scope: a frame without a value is a gap.
    pub(super) frames: BTreeMap<(String, String), BTreeSet<u64>>,
    /// Metrics of the selected events, and of all events: for error texts.
    known: BTreeSet<String>,
    found: BTreeSet<String>,
    values: usize,
    unplotted: u64,
}

impl Collected {
    /// Collects nothing yet. Metrics that are named twice are wanted once.
    pub(super) fn new(metrics: &[String]) -> Self {
        let mut wanted: Vec<String> = Vec::new();
        for metric in metrics {
            if !wanted.contains(metric) {
                wanted.push(metric.clone());
            }
        }
        Self {
            metrics: wanted,
            series: BTreeMap::new(),
            units: BTreeMap::new(),
            frames: BTreeMap::new(),
            known: BTreeSet::new(),
            found: BTreeSet::new(),
            values: 0,
            unplotted: 0,
        }
    }

    /// Adds the events of a frame.
    pub(super) fn add(&mut self, frame: &Frame, events: &[Parsed], filter: &Filter<'_>) {
        self.frames.entry(frame.scope.clone()).or_default().insert(frame.time_unix_ms);
        for event in events {
            self.known.extend(
                event.metrics.keys().filter(|name| !self.known.contains(*name)).cloned().collect::<Vec<_>>(),
            );
            if !filter.selects(event) {
                continue;
            }
            for metric in 0..self.metrics.len() {
                if let Some(value) = self.metrics.get(metric).and_then(|name| event.metrics.get(name)) {
                    self.add_value(metric, *value, frame, event);
                }
            }
        }
    }

    fn add_value(&mut self, metric: usize, value: f64, frame: &Frame, event: &Parsed) {
        let name = &self.metrics[metric];
        if !self.units.contains_key(name)
            && let Some(unit) = unit(&event.declarations, name)
        {
            self.units.insert(name.clone(), unit);
        }
        self.found.insert(name.clone());
        let key = Key { metric, scope: frame.scope.clone(), identity: identity(event) };
        let is_full =
            self.values >= VALUES || (self.series.len() >= SERIES && !self.series.contains_key(&key));
        if is_full || self.series.get(&key).is_some_and(|values| values.contains_key(&frame.time_unix_ms)) {
            self.unplotted += 1;
            return;
        }
        self.series.entry(key).or_default().insert(frame.time_unix_ms, value);
        self.values += 1;
    }

    /// Checks that every wanted metric has a value.
    ///
    /// # Errors
    /// Returns the error text: the metric, and what to do.
    pub(super) fn check(&self, filter: &Filter<'_>) -> Result<(), String> {
        let Some(missing) = self.metrics.iter().find(|metric| !self.found.contains(*metric)) else {
            return Ok(());
        };
        if self.known.contains(missing) {
            return Err(format!("{missing}: no event with this metric is selected by{}", filter.describe()));
        }
        let meant = did_you_mean(missing, self.known.iter().map(String::as_str));
        let known = self.known.len();
        Err(format!(
            "{missing}: no event has this metric; {meant}the events have {known} metrics: `insightctl replay` prints them"
        ))
    }

    /// Returns the number of values without a place: a second one of the same series and time, or beyond the bounds.
    pub(super) fn unplotted(&self) -> u64 {
        self.unplotted
    }
}

/// Returns the unit that declarations give a metric.
fn unit(declarations: &str, metric: &str) -> Option<String> {
    let declarations: Value = serde_json::from_str(declarations).ok()?;
    let directives = declarations.as_array()?.iter().filter_map(|directive| directive["Metrics"].as_array());
    let declared = directives.flatten().find(|declared| declared["Name"] == metric)?;
    declared["Unit"].as_str().map(str::to_owned)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::replay::parsed;

    /// Returns a frame of the node `n`.
    pub(crate) fn frame(time_unix_ms: u64) -> Frame {
        Frame { scope: ("node".into(), "n".into()), time_unix_ms }
    }

    fn event(pod: &str, value: f64) -> Parsed {
        parsed(&format!(
            r#"{{"Type":"Pod","PodName":"{pod}","m":{value},"other":1,"_aws":{{"CloudWatchMetrics":[{{"Dimensions":[["PodName"]],"Metrics":[{{"Name":"x"}},{{"Name":"m","Unit":"Percent"}}]}}]}}}}"#
        ))
    }

    #[test]
    fn values_are_kept_by_series_and_time() {
        let mut collected = Collected::new(&["m".into(), "m".into()]);
        let all = Filter::default();
        collected.add(&frame(1), &[event("a", 1.0), event("b", 2.0), event("a", 9.0)], &all);
        collected.add(&frame(2), &[event("a", 3.0)], &all);
        let values: Vec<&Values> = collected.series.values().collect();
        assert_eq!(values, [&[(1, 1.0), (2, 3.0)].into(), &[(1, 2.0)].into()]);
        assert_eq!((collected.unplotted(), collected.metrics.len()), (1, 1));
        assert_eq!(collected.units["m"], "Percent");
        assert_eq!(collected.frames.values().next().unwrap(), &[1, 2].into());
        assert_eq!(collected.check(&all), Ok(()));
    }

    #[test]
    fn errors_name_the_metric() {
        let all = Filter::default();
        let mut collected = Collected::new(&["othr".into()]);
        collected.add(&frame(1), &[event("a", 1.0)], &all);
        let error = collected.check(&all).unwrap_err();
        assert!(
            error.starts_with("othr: no event has this metric; did you mean `other`? the events have 2"),
            "{error}"
        );
        let none = Filter { pod: Some("b"), ..Filter::default() };
        let mut collected = Collected::new(&["m".into()]);
        collected.add(&frame(1), &[event("a", 1.0)], &none);
        assert_eq!(collected.check(&none), Err("m: no event with this metric is selected by --pod b".into()));
    }
}
