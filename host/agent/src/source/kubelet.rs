//! What the kubelet said, put into a batch: the answers of a live one or those of a recording.

use insightd_collect::{Pairing, Settings};
use insightd_kubernetes::{Emitter, Facts};
use insights_sdk::{Builder, EntityId};

/// Adds the kubelet's facts to batches, and remembers the readings of its counters.
#[derive(Debug)]
pub(super) struct KubeletFacts {
    emitter: Emitter,
    /// Of its own: the collector's ends its tick before the `node` exists that pods hang below.
    pairing: Pairing,
}

/// When a list of pods was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadAt {
    /// On the host's monotonic clock.
    pub(super) at_ns: u64,
    /// The same clock, now.
    pub(super) now_ns: u64,
}

impl KubeletFacts {
    pub(super) fn new(settings: &Settings) -> Self {
        let excluded =
            if settings.pod_network { settings.interface_exclude.clone() } else { vec!["*".into()] };
        let emitter = Emitter::with_interface_exclude(excluded);
        Self { emitter, pairing: Pairing::new(settings.forget_after) }
    }

    /// Adds `facts` below `node`. `read` is when the list of pods was read, where there is one.
    pub(super) fn emit(
        &mut self,
        facts: &Facts<'_>,
        read: Option<ReadAt>,
        node: EntityId,
        builder: &mut Builder,
    ) {
        let read = read.filter(|_| facts.pods.is_some());
        if let Some(ReadAt { at_ns, now_ns }) = read {
            let age_ms = now_ns.saturating_sub(at_ns) / 1_000_000;
            builder.gauge(node, "kubelet.age_ms", age_ms as f64);
        }
        let at_ns = read.map_or(0, |read| read.at_ns);
        self.emitter.emit_facts(facts, node, &mut self.pairing, at_ns, builder);
        if let Some(read) = read {
            self.pairing.end_of_tick(read.now_ns);
        }
    }
}
