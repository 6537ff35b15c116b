//! Rows of a Fargate node: the batch follows the rules, and the same response again gives no rate.
#![no_main]

use std::time::Duration;

use insightd_collect::CounterCache;
use insightd_exposition::{Format, Limits, Reader};
use insightd_fargate::cadvisor::{NodeIdentity, NodeReader, NodeReading, ReadingLimits};
use insights_batch::{Builder, Columns};
use libfuzzer_sys::fuzz_target;

/// Limits that small inputs reach.
const LIMITS: ReadingLimits = ReadingLimits { cgroups: 4, parts: 3 };

fuzz_target!(|response: &[u8]| {
    let mut reader = Reader::new(Format::Prometheus, Limits::default());
    let mut node = NodeReader::new(LIMITS);
    if reader.push(response, &mut |sample| node.sample(sample)).is_err() {
        return;
    }
    let reading = node.finish();
    assert!(reading.pods() + reading.containers() <= LIMITS.cgroups);
    let mut counter_cache = CounterCache::new(Duration::from_secs(600));
    let first = emit(&reading, &mut counter_cache);
    let again = emit(&reading, &mut counter_cache);
    for columns in [first, again] {
        let counters = &columns.counters;
        assert!(counters.elapsed_ns.iter().all(|&elapsed| elapsed == 0), "no rate without a second reading");
        assert!(columns.gauges.value.iter().all(|value| value.is_finite() && *value >= 0.0));
        let parents = columns.entities.parent.iter().enumerate();
        assert!(parents.skip(1).all(|(index, &parent)| (parent as usize) < index));
    }
});

fn emit(reading: &NodeReading, counter_cache: &mut CounterCache) -> Columns {
    let mut builder = Builder::new("node", "n", 0, 60_000);
    let identity = NodeIdentity { name: "n", cluster_name: None, compute_type: None };
    reading.emit(&identity, &[], counter_cache, &mut builder);
    builder.finish()
}
