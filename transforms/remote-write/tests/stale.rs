//! Stale markers: series that were in the last tick and are gone, over ticks, slices and bounds.

mod decode;

use std::collections::BTreeSet;
use std::sync::Arc;

use decode::decode;
use insightd_remote_write::RemoteWrite;
use insights_sdk::state::{self, Bounds, Space, State};
use insights_sdk::{Batch, Formatter, Limits, configure};

/// The NaN that ends a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;
const MINUTE: u64 = 60_000;
/// Entities of a full slice.
const SLICE: usize = 512;

/// The state of a formatter from tick to tick.
struct Node {
    space: Space,
    bounds: Bounds,
}

/// Pods of a slice with value and those with a marker, each with its time.
#[derive(Debug, Default, PartialEq)]
struct Sent {
    values: BTreeSet<(String, u64)>,
    stale: BTreeSet<(String, u64)>,
}

impl Node {
    fn new() -> Self {
        Self { space: Space::default(), bounds: Bounds::of_bytes(4 << 20) }
    }

    /// Formats the slices of a tick, each with its pods. Returns what was sent, and the lines of the log.
    fn tick(&mut self, time: u64, slices: &[Vec<String>]) -> (Sent, Vec<String>) {
        let config = r#"{"include": ["container_memory_usage_bytes"]}"#;
        let formatter = configure(config, RemoteWrite::configure).expect("a configuration");
        let (mut sent, mut lines) = (Sent::default(), Vec::new());
        for pods in slices {
            let batch = Batch::new("node", "node-1", time, MINUTE);
            // Descriptors are part of every slice and do not count.
            batch.add("metric", "m", None);
            for name in pods {
                let pod = batch.add("pod", name, None);
                pod.set_attribute("pod.name", name);
                pod.set_attribute("pod.namespace", "shop");
                pod.set_gauge("memory.usage_bytes", 1.0);
            }
            let state = State { space: Arc::new(self.space.clone()), bounds: self.bounds };
            let ((payloads, logged), changes) = state::with(Some(state), || {
                insights_sdk::log::capture(|| formatter.format(&batch, &Limits { max_event_bytes: 1 << 20 }))
            });
            self.space.apply(&changes);
            lines.extend(logged.into_iter().map(|(_, line)| line));
            for series in decode(&payloads.expect("payloads")).into_iter().flatten() {
                assert_eq!(series.name(), "container_memory_usage_bytes");
                let set = if series.bits == STALE { &mut sent.stale } else { &mut sent.values };
                assert!(set.insert((series.labels["pod"].clone(), series.time_unix_ms)), "twice");
            }
        }
        (sent, lines)
    }
}

fn pods(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("p{number}")).collect()
}

fn at(time: u64, names: &[&str]) -> BTreeSet<(String, u64)> {
    names.iter().map(|name| ((*name).to_owned(), time)).collect()
}

#[test]
fn a_series_that_is_gone_ends_once() {
    let mut node = Node::new();
    let first = node.tick(1_000_000, &[pods(&["a", "b"])]).0;
    assert_eq!(first, Sent { values: at(1_000_000, &["a", "b"]), stale: BTreeSet::new() });
    let second = node.tick(1_060_000, &[pods(&["b", "c"])]).0;
    assert_eq!(second, Sent { values: at(1_060_000, &["b", "c"]), stale: at(1_060_000, &["a"]) });
    let third = node.tick(1_120_000, &[pods(&["b", "c"])]).0;
    assert_eq!(third.stale, BTreeSet::new());
    // Without anything left, the markers are all that is sent.
    let last = node.tick(1_180_000, &[pods(&[])]).0;
    assert_eq!(last, Sent { values: BTreeSet::new(), stale: at(1_180_000, &["b", "c"]) });
}

#[test]
fn a_series_that_moves_to_another_slice_is_not_gone() {
    let mut node = Node::new();
    node.tick(1_000_000, &[numbered(0..512), numbered(512..600)]);
    // Entities moved by one, so one crosses the boundary in each direction of two ticks.
    let (sent, lines) = node.tick(1_060_000, &[numbered(1..513), numbered(513..600)]);
    assert_eq!(sent.stale, at(1_060_000, &["p0"]));
    assert_eq!((sent.values.len(), lines.len()), (599, 0));
    let sent = node.tick(1_120_000, &[numbered(0..512), numbered(512..599)]).0;
    assert_eq!(sent.stale, at(1_120_000, &["p599"]));
}

#[test]
fn the_same_series_in_two_slices_is_sent_once() {
    let mut node = Node::new();
    let (sent, lines) = node.tick(1_000_000, &[numbered(0..512), numbered(511..520)]);
    assert_eq!(sent.values.len(), 520);
    assert!(lines.iter().any(|line| line.starts_with("1 series left out")), "{lines:?}");
}

/// The component cannot tell that a full slice is the last one, so the next tick ends what is gone.
#[test]
fn full_slices_are_completed_by_the_next_tick() {
    let mut node = Node::new();
    node.tick(1_000_000, &[numbered(0..SLICE)]);
    let sent = node.tick(1_060_000, &[numbered(1..SLICE + 1)]).0;
    assert_eq!((sent.stale, sent.values.len()), (BTreeSet::new(), 512));
    // A series that is back at once gets the marker of the time at which it was missing.
    let sent = node.tick(1_120_000, &[numbered(0..SLICE)]).0;
    assert_eq!(sent.stale, at(1_060_000, &["p0"]));
    assert!(sent.values.contains(&("p0".to_owned(), 1_120_000)));
    let sent = node.tick(1_180_000, &[numbered(0..3)]).0;
    assert!(sent.stale.contains(&("p512".to_owned(), 1_120_000)));
    assert_eq!(sent.stale.len(), 1 + 509);
}

#[test]
fn series_of_long_ago_are_forgotten() {
    let mut node = Node::new();
    node.tick(1_000_000, &[pods(&["a"])]);
    let sent = node.tick(1_000_000 + 300_001, &[pods(&["b"])]).0;
    assert_eq!(sent.stale, BTreeSet::new());
    // A clock that was set back.
    let sent = node.tick(500_000, &[pods(&["c"])]).0;
    assert_eq!(sent.stale, BTreeSet::new());
    let sent = node.tick(560_000, &[pods(&[])]).0;
    assert_eq!(sent.stale, at(560_000, &["c"]));
}

#[test]
fn without_room_there_are_no_wrong_markers() {
    let mut node = Node::new();
    node.bounds = Bounds::of_bytes(6_000);
    let slices = [numbered(0..512), numbered(512..600)];
    let (sent, lines) = node.tick(1_000_000, &slices);
    assert_eq!(sent.values.len(), 600);
    assert!(
        lines.iter().any(|line| line.contains("no stale markers for some series: state: full")),
        "{lines:?}"
    );
    for tick in 1..4 {
        let (sent, _) = node.tick(1_000_000 + tick * MINUTE, &slices);
        assert_eq!((sent.values.len(), sent.stale.len()), (600, 0));
    }
}

#[test]
fn a_formatter_without_state_says_so() {
    let formatter = configure("{}", RemoteWrite::configure).expect("a configuration");
    let batch = Batch::new("node", "node-1", 1, MINUTE);
    let format = || formatter.format(&batch, &Limits::default());
    let ((result, lines), _) = state::with(None, || insights_sdk::log::capture(format));
    assert!(result.expect("payloads").is_empty());
    let text = &lines[0].1;
    assert!(text.contains("state is not granted") && text.contains("stale_markers: false"), "{text}");
}

/// Chunks of the state: more series than one value takes.
#[test]
fn many_series_are_kept_in_several_values() {
    let mut node = Node::new();
    let long: Vec<String> = (0..500).map(|number| format!("{number}-{}", "x".repeat(200))).collect();
    node.tick(1_000_000, std::slice::from_ref(&long));
    assert!(node.space.len() > 2 && node.space.bytes() > 100_000, "{} keys", node.space.len());
    let sent = node.tick(1_060_000, &[Vec::new()]).0;
    assert_eq!(sent.stale.len(), 500);
    // Nothing is left but the tick itself.
    assert_eq!(node.space.len(), 1);
}

/// The README states how much state a series needs.
#[test]
fn a_series_of_a_real_node_takes_at_most_forty_five_bytes() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../prometheus/tests/golden/recorded_pods");
    let case = insights_sdk::golden::Case::load(directory).expect("a case");
    let formatter = configure("{}", RemoteWrite::configure).expect("a configuration");
    let batch = Batch::from_columns(case.batch.clone());
    let state = State { space: Arc::default(), bounds: Bounds::of_bytes(1 << 20) };
    let (payloads, changes) = state::with(Some(state), || formatter.format(&batch, &Limits::default()));
    let series: usize = decode(&payloads.expect("payloads")).iter().map(Vec::len).sum();
    let bytes = Space::default().bytes_with(&changes);
    let each = bytes / series as u64;
    assert!(series > 200 && (20..=45).contains(&each), "{each} bytes for each of {series} series");
}
