//! The kubelet's `/stats/summary`, from arbitrary bytes to a batch with a fixed list of pods.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use insightd_collect::CounterCache;
use insightd_kubernetes::pods::PodList;
use insightd_kubernetes::{Emitter, pods, summary};
use insights_batch::Builder;
use libfuzzer_sys::fuzz_target;

static PODS: LazyLock<PodList> = LazyLock::new(|| {
    let body = include_bytes!("../../host/kubernetes/tests/data/pods.json");
    pods::parse(body, "pods.json").expect("the test's own list is well-formed")
});

fuzz_target!(|body: &[u8]| {
    let Ok(summary) = summary::parse(body, "fuzz") else { return };
    assert!(summary.pods.iter().all(|pod| summary.pod(&pod.uid) == Some(pod)));
    let mut builder = Builder::new("node", "n", 0, 60_000);
    let node = builder.entity("node", "n", None);
    let mut counter_cache = CounterCache::new(Duration::from_secs(600));
    Emitter::new().emit(&PODS, Some(&summary), node, &mut counter_cache, 1, &mut builder);
    builder.finish().check().expect("a batch of parsed data is well-formed");
});
