//! The lines of `insightd status` that come from the agent's own metrics: sources, leadership, sinks, estimates, and batches that stages
//! skipped.

use std::collections::BTreeSet;

use serde_json::Value;

use super::quantity::{bytes, grouped};
use super::word;

/// The samples of `/v1/state`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Samples<'a>(&'a [Value]);

impl<'a> Samples<'a> {
    pub(super) fn new(metrics: &'a Value) -> Self {
        Self(metrics.as_array().map_or(&[], Vec::as_slice))
    }

    fn of(self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |sample| sample["name"] == name)
    }

    /// Returns the sum of the samples of a name with these labels; `None` if there are none.
    fn sum(self, name: &'a str, labels: &[(&str, &Value)]) -> Option<f64> {
        let has = |sample: &&Value| labels.iter().all(|(key, value)| sample["labels"][key] == **value);
        let values = self.of(name).filter(has).filter_map(|sample| sample["value"].as_f64());
        values.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }

    /// Returns a line for each remote endpoint: the age of its data, or its failures.
    pub(super) fn sources(self) -> Vec<String> {
        let line = |sample: &Value| {
            let labels = &sample["labels"];
            let of_it = [("scope", &labels["scope"]), ("source", &labels["source"])];
            let age = self.sum("insightd_source_age_seconds", &of_it);
            let failures = self.sum("insightd_source_failures_in_a_row", &of_it).unwrap_or(0.0);
            let age = age.map_or("no data yet".to_owned(), |age| format!("data is {age:.0} s old"));
            let failing =
                if failures > 0.0 { format!(", {failures} failures in a row") } else { String::new() };
            format!("{} ({}): {age}{failing}", word(&labels["source"]), word(&labels["scope"]))
        };
        self.of("insightd_source_requests_total").map(line).collect()
    }

    /// Returns the leadership line, if the agent takes part in an election.
    pub(super) fn leader(self) -> Option<String> {
        let is_leader = self.sum("insightd_leader", &[])? > 0.0;
        let holder =
            self.of("insightd_leader_holder_info").next().map(|sample| word(&sample["labels"]["holder"]));
        Some(match (is_leader, holder) {
            (true, _) => "this agent".to_owned(),
            (false, Some(holder)) => holder,
            (false, None) => "not known".to_owned(),
        })
    }

    /// Returns a line for each sink: what it took, what waits, what is lost, and whether its spool has a disk.
    pub(super) fn sinks(self) -> Vec<String> {
        let line = |sample: &Value| {
            let sink = &sample["labels"]["sink"];
            let of_it = [("sink", sink)];
            let sum = |name| self.sum(name, &of_it);
            let events = sample["value"].as_f64().unwrap_or(0.0);
            let mut text = format!("{}: {events} events", word(sink));
            if let Some(waiting) = sum("insightd_delivery_pending_events") {
                let accepted = sum("insightd_delivery_accepted_events_total").unwrap_or(0.0);
                text.push_str(&format!(", {accepted} accepted by the service, {waiting} waiting"));
            }
            // The first includes the second from the end of a tick on.
            let lost = ["insightd_sink_events_lost_total", "insightd_delivery_events_lost_total"];
            let lost = lost.into_iter().filter_map(sum).fold(0.0, f64::max);
            text.push_str(&format!(", {lost} lost"));
            if let Some(failed) =
                sum("insightd_delivery_failed_requests_total").filter(|failed| *failed > 0.0)
            {
                text.push_str(&format!(", {failed} failed requests"));
            }
            if sum("insightd_spool_in_memory").is_some_and(|yes| yes > 0.0) {
                text.push_str(", spool in memory only");
            }
            text
        };
        self.of("insightd_sink_events_total").map(line).collect()
    }

    /// Returns a line for each sink with an estimate: its series, and what is sent to it a day. Outputs may share series, which then count
    /// for each.
    pub(super) fn estimates(self) -> Vec<String> {
        let sinks = self.of("insightd_estimate_daily_bytes").map(|sample| sample["labels"]["sink"].as_str());
        let sinks: BTreeSet<&str> = sinks.flatten().collect();
        let line = |name: &str| {
            let sink = Value::from(name);
            let sum = |name| self.sum(name, &[("sink", &sink)]);
            let series = sum("insightd_estimate_series").map(|n| format!("{} series", grouped(n)));
            let size = sum("insightd_estimate_daily_bytes").map(|n| format!("{} a day", bytes(n)));
            let points =
                sum("insightd_estimate_daily_points").map(|n| format!("{} points a day", grouped(n)));
            let parts: Vec<String> = [series, size, points].into_iter().flatten().collect();
            format!("{}: {}", word(&sink), parts.join(", "))
        };
        sinks.into_iter().map(line).collect()
    }

    /// Returns the text about batches that a slot did not process itself: `, 3 skipped`.
    pub(super) fn unprocessed(self, pipeline: &Value, slot: &Value) -> String {
        let count = |outcome: &str| {
            let labels = [("pipeline", pipeline), ("slot", slot), ("outcome", &Value::from(outcome))];
            self.sum("insightd_component_batches_total", &labels).unwrap_or(0.0)
        };
        let text = |outcome: &str| match count(outcome) {
            0.0 => String::new(),
            count => format!(", {count} {outcome}"),
        };
        text("skipped") + &text("dropped")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metrics() -> Value {
        let sample =
            |name: &str, labels: Value, value: f64| json!({"name": name, "labels": labels, "value": value});
        let kubelet = json!({"scope": "node", "source": "kubelet"});
        let imds = json!({"scope": "node", "source": "imds\u{1b}"});
        json!([
            sample("insightd_source_requests_total", kubelet.clone(), 7.0),
            sample("insightd_source_requests_total", imds.clone(), 2.0),
            sample("insightd_source_age_seconds", kubelet.clone(), 61.4),
            sample("insightd_source_failures_in_a_row", kubelet, 3.0),
            sample("insightd_source_failures_in_a_row", imds, 0.0),
            sample("insightd_sink_events_total", json!({"sink": "logs"}), 640.0),
            sample("insightd_sink_events_total", json!({"sink": "stdout"}), 5.0),
            sample("insightd_sink_events_lost_total", json!({"sink": "logs"}), 5.0),
            sample("insightd_delivery_events_lost_total", json!({"sink": "logs", "cause": "rejected"}), 2.0),
            sample("insightd_delivery_events_lost_total", json!({"sink": "logs", "cause": "too_old"}), 4.0),
            sample("insightd_delivery_pending_events", json!({"sink": "logs"}), 10.0),
            sample("insightd_delivery_accepted_events_total", json!({"sink": "logs"}), 600.0),
            sample("insightd_delivery_failed_requests_total", json!({"sink": "logs"}), 8.0),
            sample("insightd_estimate_series", json!({"sink": "logs", "slot": "output-1"}), 1200.0),
            sample("insightd_estimate_series", json!({"sink": "logs", "slot": "output-2"}), 34.0),
            sample(
                "insightd_estimate_daily_bytes",
                json!({"sink": "logs", "slot": "output-1"}),
                51_000_000.0
            ),
            sample("insightd_estimate_daily_bytes", json!({"sink": "logs", "slot": "output-2"}), 171_084.8),
            sample("insightd_estimate_daily_bytes", json!({"sink": "otlp\u{1b}"}), 900.0),
            sample("insightd_estimate_daily_points", json!({"sink": "otlp\u{1b}"}), 1_440_000.0),
            sample("insightd_spool_in_memory", json!({"sink": "logs"}), 1.0),
            sample(
                "insightd_component_batches_total",
                json!({"pipeline": "node", "slot": "transform-1", "outcome": "skipped"}),
                3.0
            ),
            sample(
                "insightd_component_batches_total",
                json!({"pipeline": "node", "slot": "transform-1", "outcome": "current"}),
                9.0
            ),
        ])
    }

    #[test]
    fn sources_sinks_and_stages() {
        let metrics = metrics();
        let samples = Samples::new(&metrics);
        let sources =
            ["kubelet (node): data is 61 s old, 3 failures in a row", "imds\\u{1b} (node): no data yet"];
        assert_eq!(samples.sources(), sources);
        let logs = "logs: 640 events, 600 accepted by the service, 10 waiting, 6 lost, 8 failed requests, spool in memory only";
        assert_eq!(samples.sinks(), [logs, "stdout: 5 events, 0 lost"]);
        let unprocessed = |slot: &str| samples.unprocessed(&json!("node"), &json!(slot));
        assert_eq!(
            (unprocessed("transform-1"), unprocessed("transform-2")),
            (", 3 skipped".into(), String::new())
        );
    }

    #[test]
    fn estimates_are_summed_by_sink() {
        let metrics = metrics();
        let expected =
            ["logs: 1,234 series, 48.8 MiB a day", "otlp\\u{1b}: 900 B a day, 1,440,000 points a day"];
        assert_eq!(Samples::new(&metrics).estimates(), expected);
        assert!(Samples::new(&Value::Null).estimates().is_empty(), "an older agent has none");
    }

    #[test]
    fn the_leader_is_named() {
        let leader = |metrics: Value| Samples::new(&metrics).leader();
        assert_eq!(leader(json!([])), None);
        let is_leader = |value: u64| json!({"name": "insightd_leader", "labels": {}, "value": value});
        assert_eq!(leader(json!([is_leader(1)])).unwrap(), "this agent");
        let holder =
            json!({"name": "insightd_leader_holder_info", "labels": {"holder": "other"}, "value": 1});
        assert_eq!(leader(json!([is_leader(0), holder])).unwrap(), "other");
        assert_eq!(leader(json!([is_leader(0)])).unwrap(), "not known");
    }
}
