//! Properties that hold for the rows of any server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::time::Duration;

use insightd_collect::CounterCache;
use insightd_exposition::{Format, Limits, Reader};
use insightd_fargate::cadvisor::{NodeIdentity, NodeReader, NodeReading, ReadingLimits};
use insights_batch::{Builder, Columns};
use proptest::prelude::*;

/// Limits that the rows of one node reach.
const LIMITS: ReadingLimits = ReadingLimits { cgroups: 2, parts: 2 };

fn read(text: &[u8]) -> NodeReading {
    let mut reader = Reader::new(Format::Prometheus, Limits::default());
    let mut node = NodeReader::new(LIMITS);
    reader.push(text, &mut |sample| node.sample(sample)).unwrap();
    node.finish()
}

fn emit(reading: &NodeReading, counter_cache: &mut CounterCache) -> Columns {
    let mut builder = Builder::new("node", "n", 0, 60_000);
    let identity = NodeIdentity { name: "n", cluster_name: None, compute_type: None };
    reading.emit(&identity, &[], counter_cache, &mut builder);
    builder.finish()
}

/// Generates the rows of a node with lines that were removed, repeated, or swapped, and bytes that were changed.
fn responses() -> impl Strategy<Value = Vec<u8>> {
    let rows: Vec<&str> = include_str!("data/fargate-node.txt").lines().collect();
    let lines = prop::collection::vec(prop::sample::select(rows), 0..300);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20);
    (lines, changes).prop_map(|(lines, changes)| {
        let mut text = (lines.join("\n") + "\n").into_bytes();
        for (index, byte) in changes {
            let at = index.index(text.len());
            text[at] = byte;
        }
        text
    })
}

proptest! {
    #[test]
    fn batches_are_well_formed_whatever_the_rows_are(response in responses()) {
        let reading = read(&response);
        prop_assert!(reading.pods() + reading.containers() <= LIMITS.cgroups);
        let mut counter_cache = CounterCache::new(Duration::from_secs(600));
        let first = emit(&reading, &mut counter_cache);
        let again = emit(&reading, &mut counter_cache);
        for columns in [first, again] {
            let elapsed = &columns.counters.elapsed_ns;
            prop_assert!(elapsed.iter().all(|&elapsed| elapsed == 0), "a rate without a second reading");
            prop_assert!(columns.gauges.value.iter().all(|value| value.is_finite() && *value >= 0.0));
            let parents = columns.entities.parent.iter().enumerate().skip(1);
            prop_assert!(parents.clone().all(|(index, &parent)| (parent as usize) < index));
        }
    }
}
