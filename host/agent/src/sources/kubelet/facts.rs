//! Adds kubelet data to a batch: the responses of a live kubelet or of a recording.

use std::collections::HashSet;

use insightd_collect::{CounterCache, OptionalFacts, Settings};
use insightd_kubernetes::pods::{ContainerState, Pod, PodList};
use insightd_kubernetes::{Emitter, Facts};
use insights_batch::{Builder, EntityId};

/// Adds the kubelet's facts to batches, and keeps the previous values of its counters.
#[derive(Debug)]
pub(in crate::sources) struct KubeletFacts {
    emitter: Emitter,
    /// Separate from the collector's cache, whose tick ends before the `node` entity exists that pods belong to.
    counter_cache: CounterCache,
    trimmed: TrimmedPods,
}

/// The time at which a list of pods was read.
#[derive(Clone, Copy, Debug)]
pub(in crate::sources) struct ReadAt {
    /// Time of reading on the host's monotonic clock, nanoseconds.
    pub(in crate::sources) at_ns: u64,
    /// Current time of the same clock, nanoseconds.
    pub(in crate::sources) now_ns: u64,
}

/// Returns the ids of the running containers, each with the uid that the cgroup of its pod is named by.
pub(in crate::sources) fn running(pods: &PodList) -> impl Iterator<Item = (&str, &str)> {
    pods.pods.iter().flat_map(|pod| {
        let uid = pod.config_hash.as_deref().unwrap_or(&pod.uid);
        let running =
            pod.containers.iter().filter(|container| container.state == Some(ContainerState::Running));
        running.filter_map(move |container| Some((container.id.as_deref()?, uid)))
    })
}

impl KubeletFacts {
    /// Creates the facts for pods with labels of up to `label_bytes`.
    pub(in crate::sources) fn new(settings: &Settings, label_bytes: usize) -> Self {
        let excluded =
            if settings.pod_network { settings.interface_exclude.clone() } else { vec!["*".into()] };
        let emitter = Emitter::with_interface_exclude(excluded);
        Self {
            emitter,
            counter_cache: CounterCache::new(settings.forget_after),
            trimmed: TrimmedPods { label_bytes, ..TrimmedPods::default() },
        }
    }

    /// Sets the groups of facts that are emitted in addition.
    pub(in crate::sources) fn want(&mut self, facts: OptionalFacts) {
        self.emitter.want(facts);
    }

    /// Returns the number of labels and annotations left out of the last pods.
    pub(in crate::sources) fn labels_left_out(&self) -> u64 {
        self.trimmed.left_out
    }

    /// Adds `facts` below `node`. `read` is the time at which the list of pods was read, if there is one.
    pub(in crate::sources) fn emit(
        &mut self,
        facts: &Facts<'_>,
        read: Option<ReadAt>,
        node: EntityId,
        builder: &mut Builder,
    ) {
        if let Some(pods) = facts.pods {
            self.trimmed.observe(&pods.pods);
        }
        let read = read.filter(|_| facts.pods.is_some());
        if let Some(ReadAt { at_ns, now_ns }) = read {
            let age_ms = now_ns.saturating_sub(at_ns) / 1_000_000;
            builder.gauge(node, "kubelet.age_ms", age_ms as f64);
        }
        let at_ns = read.map_or(0, |read| read.at_ns);
        self.emitter.emit_facts(facts, node, &mut self.counter_cache, at_ns, builder);
        if let Some(read) = read {
            self.counter_cache.end_of_tick(read.now_ns);
        }
    }
}

/// Maximum number of log lines about such pods per tick; a list may contain thousands of them.
const LINES: usize = 10;

/// Maximum number of characters of a name in a log line. Kubernetes allows no longer names.
const NAME_CHARACTERS: usize = 253;

/// Pods with left-out labels; each is logged once.
#[derive(Debug, Default)]
struct TrimmedPods {
    /// `kubelet.label_bytes`.
    label_bytes: usize,
    /// Uids of the pods that were logged and are still listed.
    logged: HashSet<Box<str>>,
    left_out: u64,
}

impl TrimmedPods {
    /// Logs the pods that are new in the list, forgets those that are gone, and returns the number of logged pods.
    fn observe(&mut self, pods: &[Pod]) -> usize {
        let left_out = |pod: &Pod| u64::from(pod.labels_left_out) + u64::from(pod.annotations_left_out);
        let trimmed = || pods.iter().filter(|pod| left_out(pod) > 0);
        self.left_out = trimmed().map(left_out).sum();
        let new: Vec<&Pod> = trimmed().filter(|pod| !self.logged.contains(&pod.uid)).collect();
        for pod in new.iter().take(LINES) {
            tracing::warn!(
                namespace = shown(&pod.namespace),
                pod = shown(&pod.name),
                labels = pod.labels_left_out,
                annotations = pod.annotations_left_out,
                kept_bytes = self.label_bytes,
                "labels of a pod exceed the size limit; the largest are omitted from events; raise `kubelet.label_bytes`"
            );
        }
        if new.len() > LINES {
            tracing::warn!(
                pods = new.len() - LINES,
                "labels of more pods exceed the size limit; raise `kubelet.label_bytes`"
            );
        }
        let lines = new.len().min(LINES);
        self.logged = trimmed().map(|pod| pod.uid.clone()).collect();
        lines
    }
}

fn shown(name: &str) -> &str {
    name.char_indices().nth(NAME_CHARACTERS).and_then(|(end, _)| name.get(..end)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trimmed(uid: usize) -> Pod {
        Pod {
            uid: uid.to_string().into(),
            name: "ä".repeat(1000).into(),
            labels_left_out: 2,
            annotations_left_out: 1,
            ..Pod::default()
        }
    }

    #[test]
    fn a_pod_with_too_many_labels_is_logged_once() {
        let mut pods = TrimmedPods::default();
        assert_eq!((pods.observe(&[trimmed(1)]), pods.left_out), (1, 3));
        assert_eq!((pods.observe(&[trimmed(1)]), pods.left_out), (0, 3), "said already, and counted still");
        assert_eq!((pods.observe(&[trimmed(1), trimmed(2)]), pods.left_out), (1, 6));
        assert_eq!((pods.observe(&[]), pods.left_out), (0, 0));
        assert_eq!(pods.observe(&[trimmed(1)]), 1, "it was gone");
        let many: Vec<Pod> = (0..2000).map(trimmed).collect();
        assert_eq!(pods.observe(&many), LINES);
        assert_eq!(pods.observe(&many), 0);
        assert_eq!((pods.observe(&[Pod::default()]), pods.left_out), (0, 0), "all of its labels fit");
        assert_eq!(shown(&many[0].name).chars().count(), NAME_CHARACTERS);
    }
}
