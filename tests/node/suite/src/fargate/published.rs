//! The values that the kubelet published while the agent recorded.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use insightd_tests::cadvisor::{self, Sample};
use serde_json::Value;

use super::batch::Recorded;
use super::daemon::{LEAD, TICKS as TICKS_OF_DAEMON};
use super::{TICKS, record};
use crate::agent::AgentPod;
use crate::cluster;
use crate::counters::COUNTERS;

/// Time between two requests for the kubelet's text; cAdvisor renews the values of a cgroup every 10 s or less often.
const BETWEEN_SNAPSHOTS: Duration = Duration::from_secs(2);

/// Readings of the node from the same time.
pub(super) struct Recordings {
    /// Batches of `role: fargate`.
    pub(super) ours: Vec<Recorded>,
    /// Batches of the DaemonSet, which begin earlier and end later.
    pub(super) of_daemon: Vec<Recorded>,
    pub(super) published: Published,
}

/// Records beside the running agents, and reads the kubelet's text before, meanwhile and afterwards.
pub(super) fn record_beside(pod: &AgentPod, daemon: &AgentPod, node: &str) -> Result<Recordings> {
    let path = format!("/api/v1/nodes/{node}/proxy/metrics/cadvisor");
    let mut published = Published::default();
    published.add(&cluster::kubectl(&["get", "--raw", &path])?);
    let is_over = AtomicBool::new(false);
    let (ours, of_daemon, texts) = thread::scope(|scope| {
        let of_daemon = scope.spawn(|| record(&daemon.name, TICKS_OF_DAEMON));
        let reader = scope.spawn(|| {
            let mut texts = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                texts.push(cluster::kubectl(&["get", "--raw", &path])?);
                thread::sleep(BETWEEN_SNAPSHOTS);
            }
            anyhow::Ok(texts)
        });
        thread::sleep(LEAD);
        let ours = record(&pod.name, TICKS);
        is_over.store(true, Ordering::Relaxed);
        (ours, of_daemon.join(), reader.join())
    });
    let (Ok(of_daemon), Ok(texts)) = (of_daemon, texts) else { bail!("a thread that reads panicked") };
    for text in texts? {
        published.add(&text);
    }
    published.add(&cluster::kubectl(&["get", "--raw", &path])?);
    Ok(Recordings { ours: ours?, of_daemon: of_daemon?, published })
}

/// A cgroup or an interface, and the raw name of one of its values.
pub(super) type Key = (String, &'static str);

/// The values that the kubelet published, by the time of cAdvisor's reading.
#[derive(Default)]
pub(super) struct Published(BTreeMap<Key, BTreeMap<u64, f64>>);

/// Time and value of one row, by its device if it has one.
type Parts = BTreeMap<String, (u64, f64)>;

/// cAdvisor's gauges, with the raw name.
pub(super) const GAUGES: &[(&str, &str)] = &[
    ("container_memory_usage_bytes", "memory.usage_bytes"),
    ("container_memory_working_set_bytes", "memory.working_set_bytes"),
    ("container_memory_rss", "memory.rss_bytes"),
    ("container_memory_cache", "memory.cache_bytes"),
    ("container_memory_mapped_file", "memory.mapped_file_bytes"),
    ("container_memory_swap", "memory.swap_bytes"),
    ("container_spec_cpu_shares", "cpu.shares"),
    ("container_spec_memory_limit_bytes", "memory.limit_bytes"),
    ("container_threads", "pids.current"),
];

impl Published {
    fn add(&mut self, text: &str) {
        let mut parts: BTreeMap<Key, Parts> = BTreeMap::new();
        for sample in cadvisor::parse(text) {
            let Some((name, scale)) = raw_name(&sample) else { continue };
            let Some(subject) = subject(&sample) else { continue };
            let value = (sample.value * scale).round();
            let part = sample.label("device").to_owned();
            let read_at = sample.time_unix_ms.unwrap_or(0);
            parts.entry((subject, name)).or_default().insert(part, (read_at, value));
        }
        for (key, parts) in parts {
            let read_at = parts.values().map(|(read_at, _)| *read_at).max().unwrap_or(0);
            let sum = parts.values().map(|(_, value)| value).sum();
            self.0.entry(key).or_default().insert(read_at, sum);
        }
    }

    /// Returns the values of a key by the time of cAdvisor's reading.
    pub(super) fn series(&self, key: &Key) -> Option<&BTreeMap<u64, f64>> {
        self.0.get(key)
    }

    pub(super) fn times_of(&self, key: &Key, value: f64) -> Vec<u64> {
        let values = self.0.get(key).into_iter().flatten();
        values.filter(|(_, published)| **published == value).map(|(read_at, _)| *read_at).collect()
    }
}

/// Returns a raw name that the test compares.
pub(super) fn known(name: &str) -> Option<&'static str> {
    let names = COUNTERS.iter().map(|counter| counter.ours).chain(GAUGES.iter().map(|(_, ours)| *ours));
    names.into_iter().find(|known| *known == name)
}

/// Returns the subject of an entity, as in a [`Key`].
pub(super) fn subject_of(entity: &Value, parent: Option<&Value>) -> Option<String> {
    let id = entity["id"].as_str().unwrap_or("");
    match entity["kind"].as_str() {
        Some("cgroup") => Some(id.to_owned()),
        Some("interface") => {
            Some(format!("{} {id}", parent.map_or("", |pod| pod["id"].as_str().unwrap_or(""))))
        }
        _ => None,
    }
}

/// Returns the raw name of a sample, and the factor to its unit.
fn raw_name(sample: &Sample) -> Option<(&'static str, f64)> {
    let counter =
        COUNTERS.iter().find(|counter| counter.is(sample)).map(|counter| (counter.ours, counter.scale));
    let gauge = || GAUGES.iter().find(|(theirs, _)| *theirs == sample.name).map(|(_, ours)| (*ours, 1.0));
    counter.or_else(gauge)
}

/// Returns the path of a pod's or container's cgroup; for a row of an interface, the path of the pod and the interface.
fn subject(sample: &Sample) -> Option<String> {
    let path = sample.label("id").trim_start_matches('/');
    if sample.label("pod").is_empty() || path.is_empty() {
        return None;
    }
    let is_container = cadvisor::container_id(path).is_some();
    let interface = sample.label("interface");
    if !interface.is_empty() {
        let pod = if is_container { path.rsplit_once('/')?.0 } else { path };
        return Some(format!("{pod} {interface}"));
    }
    // The sandbox has rows of its own, which are not a container's.
    let is_sandbox = is_container && matches!(sample.label("container"), "" | "POD");
    (!is_sandbox).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_belong_to_pods_containers_and_interfaces() {
        let id = "a".repeat(64);
        let of = |labels: &str| subject(&cadvisor::parse(&format!("m{{{labels}}} 1 1\n"))[0]);
        let path = format!("kubepods/pod1/{id}");
        assert_eq!(of(&format!("id=\"/{path}\",pod=\"p\",container=\"c\"")), Some(path.clone()));
        assert_eq!(of(&format!("id=\"/{path}\",pod=\"p\",container=\"\"")), None, "the sandbox");
        assert_eq!(of("id=\"/kubepods/pod1\",pod=\"p\""), Some("kubepods/pod1".to_owned()));
        assert_eq!(of("id=\"/kubepods\",pod=\"\""), None);
        let network = format!("id=\"/{path}\",pod=\"p\",container=\"\",interface=\"eth0\"");
        assert_eq!(of(&network), Some("kubepods/pod1 eth0".to_owned()));
    }

    #[test]
    fn published_values_are_summed_over_devices() {
        let row = |device: &str, value: u64| {
            format!(
                "container_fs_reads_total{{device=\"{device}\",id=\"/kubepods/pod1\",pod=\"p\"}} {value} 7\n"
            )
        };
        let mut published = Published::default();
        published.add(&format!("{}{}", row("/dev/a", 1), row("/dev/b", 2)));
        let key = ("kubepods/pod1".to_owned(), "io.reads");
        assert_eq!(published.times_of(&key, 3.0), [7]);
        assert_eq!(published.times_of(&key, 4.0), [] as [u64; 0]);
    }
}
