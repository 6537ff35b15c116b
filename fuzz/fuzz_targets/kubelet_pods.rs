//! The kubelet's `/pods`, from arbitrary bytes to a batch.
#![no_main]

use std::time::Duration;

use insightd_collect::CounterCache;
use insightd_kubernetes::{Emitter, pods};
use insights_batch::Builder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(list) = pods::parse(body, "fuzz") else { return };
    assert!(
        list.pods.iter().all(|pod| !pod.uid.is_empty() && !pod.name.is_empty() && !pod.namespace.is_empty())
    );
    let mut builder = Builder::new("node", "n", 0, 60_000);
    let node = builder.entity("node", "n", None);
    let mut counter_cache = CounterCache::new(Duration::from_secs(600));
    Emitter::new().emit(&list, None, node, &mut counter_cache, 1, &mut builder);
    builder.finish().check().expect("a batch of parsed data is well-formed");
});
