//! Behaviour over several ticks: intervals without state, and the cap on new series.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use insightd_filter::Filter;
use insights_sdk::prelude::*;
use insights_sdk::state::{Bounds, Space, State};
use insights_sdk::{Transform, log};

const MINUTE_MS: u64 = 60_000;
/// A multiple of five minutes.
const START_MS: u64 = 1_700_000_100_000;

/// A transform with its state.
struct Ticks {
    filter: Filter,
    /// `None` without a grant.
    bounds: Option<Bounds>,
    space: Space,
    lines: Vec<String>,
}

impl Ticks {
    fn new(config: &str, bounds: Option<Bounds>) -> Self {
        let filter = insights_sdk::configure(config, Filter::configure).unwrap();
        Self { filter, bounds, space: Space::default(), lines: Vec::new() }
    }

    /// Runs a tick and commits its state.
    fn run(&mut self, batch: &Batch) {
        let state = self.bounds.map(|bounds| State { space: Arc::new(self.space.clone()), bounds });
        let ((result, changes), lines) = log::capture(|| state::with(state, || self.filter.process(batch)));
        result.unwrap();
        self.space.apply(&changes);
        self.lines.extend(lines.into_iter().map(|(_, line)| line));
    }

    /// Returns the values of the table of series.
    fn shards(&self) -> impl Iterator<Item = &[u8]> {
        self.space.iter().filter(|(key, _)| key.starts_with("series/")).map(|(_, value)| value)
    }

    /// Runs a tick over pods `NAMESPACE/WORKLOAD/UID` with `values` gauges each; returns the series of pods that it passed on.
    fn pods(&mut self, minute: i64, pods: &[&str], values: usize) -> BTreeSet<String> {
        let now = START_MS.checked_add_signed(minute * MINUTE_MS as i64).unwrap();
        let batch = Batch::new("node", "n1", now, MINUTE_MS);
        let node = batch.add("node", "n1", None);
        node.set_attribute("Type", "Node");
        node.publish("node_cpu_utilization", 1.0, Unit::Percent);
        for path in pods {
            let parts: Vec<_> = path.split('/').collect();
            let pod = batch.add("pod", parts[2], Some(node));
            pod.set_attribute("Type", "Pod");
            pod.set_attribute("Namespace", parts[0]);
            pod.set_attribute("PodName", parts[1]);
            for value in 0..values {
                pod.publish(&format!("pod_value_{value}"), value as f64, Unit::None);
            }
        }
        self.run(&batch);
        assert_eq!(node.gauge("node_cpu_utilization"), Some(1.0), "known since the first tick");
        let mut passed = BTreeSet::new();
        for pod in batch.of_kind("pod") {
            assert_eq!(pod.attribute("Type").is_some(), !pod.gauges().is_empty(), "no event without a value");
            passed.extend(pod.gauges().iter().map(|(name, _)| format!("{}/{name}", pod.id())));
        }
        let dropped = node.gauge("filter_dropped_series").unwrap();
        assert_eq!(dropped, (pods.len() * values - passed.len()) as f64, "all that is dropped is counted");
        passed
    }
}

fn granted() -> Option<Bounds> {
    Some(Bounds::of_bytes(64 * 1024))
}

#[test]
fn a_limit_holds_within_each_window_and_known_series_go_on() {
    let mut ticks = Ticks::new(r#"{"new_series": {"limit": 5, "window": "10m"}}"#, granted());
    // The first window learns: rates appear with the second reading, pods when the kubelet is there.
    assert_eq!(ticks.pods(0, &["a/web/u1"], 20).len(), 20);
    assert_eq!(ticks.pods(9, &["a/web/u1", "a/web/u2"], 20).len(), 40);
    // The second one: 3 of 5, then the other 2.
    assert_eq!(ticks.pods(10, &["a/web/u1", "a/web/u2"], 20).len(), 40);
    assert_eq!(ticks.pods(11, &["a/web/u1", "b/db/u3"], 3).len(), 6);
    assert_eq!(ticks.pods(12, &["a/web/u1", "b/db/u3", "b/db/u4"], 3).len(), 8);
    assert_eq!(ticks.pods(19, &["a/web/u1", "b/db/u3", "b/db/u4"], 3).len(), 8);
    assert_eq!(ticks.lines.len(), 1, "{:?}", ticks.lines);
    // The third one begins ten minutes after the second: the missing one, then the limit again.
    assert_eq!(ticks.pods(20, &["a/web/u1", "b/db/u3", "b/db/u4"], 3).len(), 9);
    assert_eq!(ticks.pods(21, &["a/web/u1", "c/job/u5"], 5).len(), 3 + 2 + 4);
}

#[test]
fn the_owner_with_most_new_series_is_named_once_in_a_window() {
    let mut ticks = Ticks::new(r#"{"new_series": {"limit": 10, "window": "10m"}}"#, granted());
    ticks.pods(0, &["a/web/u1"], 2);
    ticks.pods(10, &["a/web/u1", "b/batch/u2", "b/batch/u3"], 4);
    assert_eq!(ticks.lines, Vec::<String>::new());
    // Pods of `c/late` are dropped, but those of `b/batch` took the room.
    ticks.pods(11, &["c/late/u4"], 3);
    let expected = "new_series: limit of 10 new series in 10m reached; most new series: b/batch (8); dropped in this tick: 3";
    assert_eq!(ticks.lines, [expected]);
    ticks.pods(12, &["c/late/u4", "c/late/u5"], 3);
    assert_eq!(ticks.lines.len(), 1);
    ticks.pods(25, &["c/late/u6", "c/late/u7", "c/late/u8", "d/x/u9"], 3);
    assert_eq!(ticks.lines.len(), 2);
    assert!(
        ticks.lines[1].ends_with("most new series: c/late (9); dropped in this tick: 2"),
        "{:?}",
        ticks.lines
    );
}

#[test]
fn a_series_is_forgotten_after_its_time() {
    let config = r#"{"new_series": {"limit": 0, "window": "10m", "forget_after": "20m"}}"#;
    let mut ticks = Ticks::new(config, granted());
    assert_eq!(ticks.pods(0, &["a/web/u1"], 2).len(), 2);
    assert_eq!(ticks.pods(19, &[], 0).len(), 0);
    // Known after 20 minutes without a value, and again 20 minutes later.
    assert_eq!(ticks.pods(20, &["a/web/u1"], 2).len(), 2);
    assert_eq!(ticks.pods(30, &[], 0).len(), 0);
    assert_eq!(ticks.pods(40, &["a/web/u1"], 2).len(), 2);
    // At the latest after a quarter more.
    for minute in [50, 60, 64] {
        ticks.pods(minute, &[], 0);
    }
    assert_eq!(ticks.pods(65, &["a/web/u1"], 2).len(), 0);
    // The node alone is left: one shard and the header.
    assert_eq!(ticks.shards().count(), 1);
}

#[test]
fn a_state_that_is_too_old_begins_anew() {
    let config = r#"{"new_series": {"limit": 0, "window": "10m", "forget_after": "20m"}}"#;
    let mut ticks = Ticks::new(config, granted());
    ticks.pods(0, &["a/web/u1"], 2);
    assert_eq!(ticks.pods(20, &["a/web/u2"], 2).len(), 0);
    // The agent was stopped for longer than series are kept.
    assert_eq!(ticks.pods(41, &["a/web/u2", "a/web/u3"], 2).len(), 4);
}

#[test]
fn a_clock_that_goes_back_forgets_nothing() {
    let mut ticks = Ticks::new(r#"{"new_series": {"limit": 0}}"#, granted());
    ticks.pods(0, &["a/web/u1"], 2);
    ticks.pods(30, &["a/web/u1"], 2);
    assert_eq!(ticks.pods(-300, &["a/web/u1", "a/web/u2"], 2).len(), 2);
    assert_eq!(ticks.pods(-290, &["a/web/u1"], 2).len(), 2);
}

#[test]
fn another_time_to_forget_keeps_what_is_known() {
    let mut ticks = Ticks::new(r#"{"new_series": {"limit": 0, "forget_after": "24h"}}"#, granted());
    ticks.pods(0, &["a/web/u1"], 2);
    let other = Ticks::new(r#"{"new_series": {"limit": 0, "forget_after": "10m"}}"#, granted());
    ticks.filter = other.filter;
    assert_eq!(ticks.pods(10, &["a/web/u1"], 2).len(), 2);
    assert_eq!(ticks.pods(20, &["a/web/u1"], 2).len(), 2);
}

#[test]
fn a_full_state_keeps_what_it_has_and_drops_what_it_cannot_store() {
    // Room for the header, and for 100 to 200 of the 401 series.
    let max_bytes = 2048;
    let mut ticks = Ticks::new(r#"{"new_series": {"limit": 1000}}"#, Some(Bounds::of_bytes(max_bytes)));
    let pods: Vec<String> = (0..40).map(|at| format!("a/web/u{at}")).collect();
    let pods: Vec<&str> = pods.iter().map(String::as_str).collect();
    let first = ticks.pods(0, &pods, 10);
    assert!((100..200).contains(&first.len()), "{}", first.len());
    let in_order = pods.iter().flat_map(|path| {
        let uid = path.rsplit('/').next().unwrap();
        (0..10).map(move |value| format!("{uid}/pod_value_{value}"))
    });
    assert_eq!(first, in_order.take(first.len()).collect(), "the first ones in the order of the batch");
    // Another series needs 9 bytes, and a key if it is the first of its shard.
    assert!((max_bytes - 18..=max_bytes).contains(&ticks.space.bytes()), "{}", ticks.space.bytes());
    let stored: usize = ticks.shards().map(|value| value.len() / 9).sum();
    assert_eq!(stored, first.len() + 1, "what is passed on is stored, with the series of the node");
    assert_eq!(ticks.lines.len(), 1, "{:?}", ticks.lines);
    assert!(
        ticks.lines[0].starts_with("new_series: new series cannot be stored: state: full"),
        "{:?}",
        ticks.lines
    );
    // Later on, in the same and in other windows and epochs: what is known goes on.
    for minute in [1, 11, 26, 100, 155] {
        let passed = ticks.pods(minute, &pods, 10);
        assert!(first.is_subset(&passed), "minute {minute}");
        assert!(ticks.space.bytes() <= max_bytes);
    }
}

#[test]
fn a_full_state_has_the_time_of_the_tick() {
    let config = r#"{"new_series": {"limit": 1000}, "intervals": {"PodNet": "5m"}}"#;
    let mut ticks = Ticks::new(config, Some(Bounds::of_bytes(1024)));
    let pods: Vec<String> = (0..40).map(|at| format!("a/web/u{at}")).collect();
    let pods: Vec<&str> = pods.iter().map(String::as_str).collect();
    assert!(ticks.pods(0, &pods, 10).len() < 400);
    assert!(ticks.space.get("tick").is_some());
}

#[test]
fn without_state_nothing_is_limited() {
    let mut ticks = Ticks::new(r#"{"new_series": {"limit": 0}}"#, None);
    assert_eq!(ticks.pods(0, &["a/web/u1"], 2).len(), 2);
    assert_eq!(ticks.pods(20, &["a/web/u2"], 2).len(), 2);
    assert_eq!(ticks.lines.len(), 2);
    assert!(ticks.lines[0].starts_with("new_series: new series are not limited: state is not granted"));
}

#[test]
fn many_series_are_told_apart() {
    let mut ticks = Ticks::new(r#"{"new_series": {"limit": 0}}"#, Some(Bounds::of_bytes(1 << 20)));
    let pods: Vec<String> = (0..250).map(|at| format!("a/web/{at:08x}-0000-4000-8000-{at:012x}")).collect();
    let pods: Vec<&str> = pods.iter().map(String::as_str).collect();
    assert_eq!(ticks.pods(0, &pods[..125], 100).len(), 12_500);
    // A collision would let a new series pass.
    assert_eq!(ticks.pods(11, &pods, 100).len(), 12_500);
    // The highest bits select the shard: all are used alike, 781 series each.
    let sizes: Vec<usize> = ticks.shards().map(|value| value.len() / 9).collect();
    assert!(sizes.len() == 16 && sizes.iter().all(|size| (600..1000).contains(size)), "{sizes:?}");
}

/// Returns the minutes in which a node's event is passed on.
fn minutes_of_node(ticks: &mut Ticks, minutes: impl Iterator<Item = u64>, interval_ms: u64) -> Vec<u64> {
    let passes = |&minute: &u64| {
        // A node's ticks have an offset of its own.
        let batch = Batch::new("node", "n1", START_MS + 17_000 + minute * MINUTE_MS, interval_ms);
        let node = batch.add("node", "n1", None);
        node.set_attribute("Type", "Node");
        node.publish("node_cpu_utilization", 1.0, Unit::Percent);
        ticks.run(&batch);
        assert_eq!(node.gauge("node_cpu_utilization").is_some(), node.attribute("Type").is_some());
        node.attribute("Type").is_some()
    };
    minutes.filter(passes).collect()
}

#[test]
fn an_interval_passes_one_tick_of_each_period() {
    let config = r#"{"intervals": {"Node": "5m"}}"#;
    // Without state, from the interval of the batch. The first tick is minute 1, which is not due.
    assert_eq!(minutes_of_node(&mut Ticks::new(config, None), 1..12, MINUTE_MS), [5, 10]);
    // With state also the first tick, and no period is missed if ticks were left out.
    assert_eq!(minutes_of_node(&mut Ticks::new(config, granted()), 1..12, MINUTE_MS), [1, 5, 10]);
    let left_out = || [1, 2, 3, 6, 7, 12, 23].into_iter();
    assert_eq!(minutes_of_node(&mut Ticks::new(config, granted()), left_out(), MINUTE_MS), [1, 6, 12, 23]);
    assert_eq!(minutes_of_node(&mut Ticks::new(config, None), left_out(), MINUTE_MS), Vec::<u64>::new());
    // Neither state nor an interval: every tick.
    assert_eq!(minutes_of_node(&mut Ticks::new(config, None), 1..4, 0), [1, 2, 3]);
}

#[test]
fn counts_are_logged_where_the_own_event_is_not_due() {
    let mut ticks = Ticks::new(r#"{"intervals": {"Node": "5m"}}"#, granted());
    assert_eq!(minutes_of_node(&mut ticks, 1..3, MINUTE_MS), [1]);
    assert_eq!(ticks.lines, ["dropped in this tick: filter_dropped_events=1"]);
}
