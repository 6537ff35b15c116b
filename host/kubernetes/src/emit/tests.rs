mod local;
mod usage;

use std::time::Duration;

use insightd_collect::{CounterCache, Group, OptionalFacts};
use insights_batch::{Batch, Builder, Columns, Entity};
use serde_json::json;

use super::Emitter;
use crate::pods::{self, MetadataFilter, PodList};
use crate::summary::{self, Summary};

const PODS: &[u8] = include_bytes!("../../tests/data/pods.json");
const SUMMARY: &[u8] = include_bytes!("../../tests/data/summary.json");
const WEB: &str = "3c1a9b52-6f0e-4d7a-9a43-5f2b8f0c7d11";
const SECOND: u64 = 1_000_000_000;

fn counter_cache() -> CounterCache {
    CounterCache::new(Duration::from_secs(600))
}

fn emit(
    pods: &PodList,
    summary: Option<&Summary>,
    counter_cache: &mut CounterCache,
    read_at_ns: u64,
) -> Columns {
    let mut builder = Builder::new("node", "node-a", 1_735_790_400_000, 60_000);
    let node = builder.entity("node", "node-a", None);
    Emitter::new().emit(pods, summary, node, counter_cache, read_at_ns, &mut builder);
    let columns = builder.finish();
    columns.check().unwrap();
    columns
}

fn example() -> Batch {
    let filter =
        MetadataFilter { annotations: vec!["team.example/cost-centre".into()], ..MetadataFilter::default() };
    let pods = pods::parse_with(PODS, "pods.json", &filter).unwrap();
    let summary = summary::parse(SUMMARY, "summary.json").unwrap();
    Batch::from_columns(emit(&pods, Some(&summary), &mut counter_cache(), SECOND))
}

fn sorted<T: PartialOrd + Copy>(mut rows: Vec<(&str, T)>) -> Vec<(&str, T)> {
    rows.sort_by(|left, right| left.0.cmp(right.0));
    rows
}

fn container<'a>(batch: &'a Batch, name: &str) -> Entity<'a> {
    batch.find("container", &format!("{WEB}/{name}")).unwrap()
}

#[test]
fn a_pod_has_its_attributes_and_gauges() {
    let batch = example();
    let node = batch.find("node", "node-a").unwrap();
    let ids: Vec<_> = batch.of_kind("pod").into_iter().map(|pod| pod.id()).collect();
    assert_eq!(ids, ["77aa", "f1e2d3c4b5a697887960514233241506", WEB], "by namespace and name");
    let web = batch.find("pod", WEB).unwrap();
    assert!(web.parent() == Some(node));
    assert_eq!(
        sorted(web.attributes()),
        [
            ("annotation.team.example/cost-centre", "4200"),
            ("label.app", "web"),
            ("label.app.kubernetes.io/part-of", "shop \"one\""),
            ("label.pod-template-hash", "6d5f7c9b8"),
            ("pod.condition.PodReadyToStartContainers", "True"),
            ("pod.condition.Ready", "False"),
            ("pod.ip", "10.1.2.3"),
            ("pod.name", "web-6d5f7c9b8-q2x7k"),
            ("pod.namespace", "shop"),
            ("pod.phase", "Running"),
            ("pod.qos", "Burstable"),
            ("pod.uid", WEB),
        ]
    );
    assert_eq!(
        sorted(web.gauges()),
        [
            ("pod.ephemeral_storage_used_bytes", 1.0),
            ("pod.limit_cpu_millicores", 2000.0),
            ("pod.limit_memory_bytes", 1_073_741_824.0),
            ("pod.overhead_cpu_millicores", 250.0),
            ("pod.overhead_memory_bytes", 125_829_120.0),
            ("pod.request_cpu_millicores", 1500.0),
            ("pod.start_unix_ms", 1_735_787_045_000.0),
        ]
    );
    let fixed = batch.find("pod", "f1e2d3c4b5a697887960514233241506").unwrap();
    assert_eq!(fixed.attribute("pod.config_hash"), Some("f1e2d3c4b5a697887960514233241506"));
    assert_eq!(fixed.attribute("pod.host_network"), Some("true"));
    let pending = batch.find("pod", "77aa").unwrap();
    assert_eq!(pending.attribute("pod.host_network"), None);
    assert!(pending.gauges().is_empty());
}

#[test]
fn the_start_of_containers_is_emitted_if_it_is_wanted() {
    let pods = pods::parse(PODS, "pods.json").unwrap();
    let starts = |facts: OptionalFacts| {
        let mut builder = Builder::new("node", "node-a", 1_735_790_400_000, 60_000);
        let node = builder.entity("node", "node-a", None);
        let mut emitter = Emitter::new();
        emitter.want(facts);
        emitter.emit(&pods, None, node, &mut counter_cache(), SECOND, &mut builder);
        let batch = Batch::from_columns(builder.finish());
        ["api", "log", "migrate", "proxy"]
            .map(|name| container(&batch, name).gauge("start.container_unix_ms"))
    };
    let wanted = [Some(1_735_787_048_000.0), None, None, Some(1_735_787_047_000.0)];
    assert_eq!(starts(OptionalFacts::default().with(Group::Start)), wanted, "of those that run");
    assert_eq!(starts(OptionalFacts::default().with(Group::Load)), [None; 4]);
}

#[test]
fn containers_have_their_attributes_and_counters() {
    let batch = example();
    let web = batch.find("pod", WEB).unwrap();
    let ids: Vec<_> = web.children_of_kind("container").into_iter().map(|container| container.id()).collect();
    assert_eq!(ids, ["api", "log", "migrate", "proxy", "debugger-x"].map(|name| format!("{WEB}/{name}")));

    let api = container(&batch, "api");
    assert_eq!(
        sorted(api.attributes()),
        [
            ("container.id", "bb01"),
            ("container.image", "registry.example/api:1.2.3"),
            ("container.kind", "main"),
            ("container.name", "api"),
            ("container.runtime", "containerd"),
            ("container.state", "running"),
        ]
    );
    assert_eq!(
        sorted(api.gauges()),
        [
            ("container.limit_cpu_millicores", 400.0),
            ("container.limit_ephemeral_storage_bytes", 2_147_483_648.0),
            ("container.limit_memory_bytes", 402_653_184.0),
            ("container.request_cpu_millicores", 200.0),
            ("container.request_memory_bytes", 201_326_592.0),
        ]
    );
    let log = container(&batch, "log");
    assert_eq!(log.attribute("container.state"), Some("waiting"));
    assert_eq!(log.attribute("container.state.reason"), Some("CrashLoopBackOff"));
    assert_eq!(log.attribute("container.last_termination_reason"), Some("OOMKilled"));
    assert!(log.gauges().is_empty(), "no requests, no rows");
    let counter = log.counter("container.restarts").unwrap();
    assert_eq!((counter.current, counter.previous), (17, None));
    let kinds: Vec<_> = ["migrate", "proxy", "debugger-x"]
        .map(|name| container(&batch, name).attribute("container.kind"))
        .into();
    assert_eq!(kinds, [Some("init"), Some("sidecar"), Some("ephemeral")]);
    let pending = batch.find("container", "77aa/run").unwrap();
    assert!(pending.counters().is_empty(), "no status yet: absent, not zero");
    assert_eq!(pending.attribute("container.state"), None);
}

#[test]
fn file_systems_and_volumes_are_emitted() {
    let batch = example();
    let layers = container(&batch, "api").children_of_kind("filesystem");
    assert_eq!(layers.len(), 1);
    assert_eq!(layers[0].id(), "rootfs");
    assert_eq!(
        sorted(layers[0].gauges()),
        [
            ("fs.available_bytes", 60_000_000_000.0),
            ("fs.capacity_bytes", 85_886_742_528.0),
            ("fs.inodes", 5_242_880.0),
            ("fs.inodes_free", 5_000_000.0),
            ("fs.inodes_used", 35.0),
            ("fs.logs_used_bytes", 4096.0),
            ("fs.used_bytes", 12_935_168.0),
        ]
    );
    let logs = container(&batch, "log").children_of_kind("filesystem");
    assert_eq!(logs[0].gauges(), [("fs.logs_used_bytes", 24_576.0)], "logs without a layer");
    assert!(container(&batch, "migrate").children().is_empty(), "nothing known, nothing there");
    assert_eq!(batch.of_kind("filesystem").len(), 3);

    let volumes = batch.of_kind("volume");
    assert_eq!(volumes.len(), 2, "none of pods that only the summary knows");
    let data = batch.find("volume", &format!("{WEB}/data")).unwrap();
    assert!(data.parent() == batch.find("pod", WEB));
    assert_eq!(sorted(data.attributes()), [("volume.claim", "web-data"), ("volume.name", "data")]);
    assert_eq!(
        sorted(data.gauges()),
        [
            ("fs.available_bytes", 900.0),
            ("fs.capacity_bytes", 1000.0),
            ("fs.inodes", 10.0),
            ("fs.inodes_free", 8.0),
            ("fs.inodes_used", 2.0),
            ("fs.used_bytes", 100.0),
        ]
    );
    let token = batch.find("volume", &format!("{WEB}/kube-api-access-abcde")).unwrap();
    assert_eq!(token.attribute("volume.claim"), None);
    assert_eq!(token.gauge("fs.inodes"), None);
}

#[test]
fn without_a_summary_there_are_no_file_systems() {
    let pods = pods::parse(PODS, "pods.json").unwrap();
    let batch = Batch::from_columns(emit(&pods, None, &mut counter_cache(), SECOND));
    assert!(batch.of_kind("filesystem").is_empty() && batch.of_kind("volume").is_empty());
    assert_eq!(batch.of_kind("container").len(), 7);
}

#[test]
fn owners_are_shared_and_linked_in_order() {
    let owned = |name: &str, owners: serde_json::Value| json!({"metadata": {"name": name, "namespace": "n", "uid": name, "ownerReferences": owners}});
    let body = json!({"items": [
        owned("a", json!([{"kind": "ReplicaSet", "name": "r"}, {"kind": "Shop", "name": "s"}, {"kind": "", "name": "x"}])),
        owned("b", json!([{"kind": "Shop", "name": "s"}, {"kind": "ReplicaSet", "name": "r"}])),
        {"metadata": {"name": "c", "namespace": "other", "uid": "c", "ownerReferences": [{"kind": "Shop", "name": "s"}]}}
    ]});
    let pods = pods::parse(body.to_string().as_bytes(), "test").unwrap();
    let batch = Batch::from_columns(emit(&pods, None, &mut counter_cache(), SECOND));
    let owners = |uid: &str| -> Vec<String> {
        batch
            .find("pod", uid)
            .unwrap()
            .links("owned-by")
            .into_iter()
            .map(|owner| owner.id().to_owned())
            .collect()
    };
    assert_eq!(owners("a"), ["ReplicaSet/n/r", "Shop/n/s"]);
    assert_eq!(owners("b"), ["Shop/n/s", "ReplicaSet/n/r"]);
    assert_eq!(owners("c"), ["Shop/other/s"]);
    assert_eq!(batch.of_kind("workload").len(), 3);
    let set = batch.find("workload", "ReplicaSet/n/r").unwrap();
    assert_eq!(sorted(set.attributes()), [("workload.kind", "ReplicaSet"), ("workload.name", "r")]);
    assert!(set.parent() == batch.find("node", "node-a"));
}

fn restarts(uid: &str, count: Option<u32>) -> PodList {
    let body = json!({"items": [{
        "metadata": {"name": "db-0", "namespace": "n", "uid": uid},
        "status": {"containerStatuses": [{"name": "c", "restartCount": count}]}
    }]});
    pods::parse(body.to_string().as_bytes(), "test").unwrap()
}

#[test]
fn restarts_are_paired_by_pod_uid() {
    let mut counter_cache = counter_cache();
    let mut step = |uid: &str, count: Option<u32>, at_ns: u64| {
        let batch = Batch::from_columns(emit(&restarts(uid, count), None, &mut counter_cache, at_ns));
        let counter = batch.find("container", &format!("{uid}/c")).unwrap().counter("container.restarts");
        counter_cache.end_of_tick(at_ns);
        counter.map(|counter| (counter.current, counter.previous, counter.elapsed_ns))
    };
    assert_eq!(step("u1", Some(3), SECOND), Some((3, None, 0)), "first sight");
    assert_eq!(step("u1", Some(5), 61 * SECOND), Some((5, Some(3), 60 * SECOND)));
    assert_eq!(step("u2", Some(7), 121 * SECOND), Some((7, None, 0)), "same name, another pod");
    assert_eq!(step("u2", None, 181 * SECOND), None, "not known: absent");
    assert_eq!(step("u2", Some(8), 241 * SECOND), Some((8, Some(7), 120 * SECOND)), "over the gap");
    assert_eq!(step("u2", Some(2), 301 * SECOND), Some((2, None, 0)), "went down");
    assert_eq!(step("u2", Some(2), 361 * SECOND), Some((2, Some(2), 60 * SECOND)), "and goes on from there");
}

#[test]
fn the_summary_of_a_static_pod_is_found_by_its_hash() {
    let pods = pods::parse(
        json!({"items": [{
            "metadata": {"name": "p", "namespace": "n", "uid": "mirror", "annotations": {"kubernetes.io/config.hash": "hash"}},
            "spec": {"containers": [{"name": "c"}]}
        }]})
        .to_string()
        .as_bytes(),
        "test",
    )
    .unwrap();
    let summary = summary::parse(
        br#"{"pods": [{"podRef": {"uid": "hash"}, "containers": [{"name": "c", "rootfs": {"usedBytes": 0}}]}]}"#,
        "test",
    )
    .unwrap();
    let batch = Batch::from_columns(emit(&pods, Some(&summary), &mut counter_cache(), SECOND));
    assert_eq!(
        batch.find("filesystem", "rootfs").unwrap().gauges(),
        [("fs.used_bytes", 0.0)],
        "0 is a value"
    );
    assert_eq!(batch.find("filesystem", "rootfs").unwrap().parent().unwrap().id(), "mirror/c");
}

#[test]
fn one_emitter_serves_many_batches() {
    let pods = pods::parse(PODS, "pods.json").unwrap();
    let (mut emitter, mut counter_cache) = (Emitter::new(), counter_cache());
    let mut tick = |emitter: &mut Emitter, at_ns: u64| {
        let mut builder = Builder::new("node", "node-a", 0, 60_000);
        let node = builder.entity("node", "node-a", None);
        emitter.emit(&pods, None, node, &mut counter_cache, at_ns, &mut builder);
        builder.finish()
    };
    let first = tick(&mut emitter, SECOND);
    let second = tick(&mut emitter, 2 * SECOND);
    second.check().unwrap();
    assert_eq!(
        (first.entities, first.attributes, first.links),
        (second.entities, second.attributes, second.links)
    );
}
