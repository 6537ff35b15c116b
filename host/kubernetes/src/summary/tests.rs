use serde_json::json;

use super::{FsStats, InterfaceStats, Summary, SummaryReader, UsageStats, parse};
use crate::pods;
use crate::{Cost, KubeletError};

const SUMMARY: &str = include_str!("../../tests/data/summary.json");

fn read(pods: serde_json::Value) -> Summary {
    parse(json!({"node": {"nodeName": "a"}, "pods": pods}).to_string().as_bytes(), "test").unwrap()
}

#[test]
fn a_complete_summary_is_parsed() {
    let summary = parse(SUMMARY.as_bytes(), "summary.json").unwrap();
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    assert_eq!(summary.pods.len(), 3);
    let web = summary.pod("3c1a9b52-6f0e-4d7a-9a43-5f2b8f0c7d11").unwrap();
    let api = web.container("api").unwrap();
    assert_eq!(
        api.rootfs,
        FsStats {
            capacity_bytes: Some(85_886_742_528),
            available_bytes: Some(60_000_000_000),
            used_bytes: Some(12_935_168),
            inodes: Some(5_242_880),
            inodes_free: Some(5_000_000),
            inodes_used: Some(35),
        }
    );
    assert_eq!(api.logs_used_bytes, Some(4096));
    let log = web.container("log").unwrap();
    assert_eq!((log.rootfs, log.logs_used_bytes), (FsStats::default(), Some(24_576)), "absent, not zero");
    let volumes: Vec<_> =
        web.volumes.iter().map(|v| (&*v.name, v.claim.as_deref(), v.fs.used_bytes)).collect();
    assert_eq!(volumes, [("data", Some("web-data"), Some(100)), ("kube-api-access-abcde", None, Some(1))]);
    assert_eq!(web.volumes[0].fs.inodes_used, Some(2));
    assert_eq!(web.volumes[1].fs.inodes, None);
    assert_eq!(web.ephemeral_storage_used_bytes, Some(1));
    let other = summary.pod("f1e2d3c4b5a697887960514233241506").unwrap();
    assert_eq!(other.ephemeral_storage_used_bytes, None, "absent, not zero");
    assert_eq!(summary.pod("no-such-uid"), None);
    assert_eq!(web.container("no-such"), None);
}

/// The kubelet's report of a sandboxed pod whose runtime provides no statistics: the kubelet reads the cgroup, which stays
/// empty.
#[test]
fn an_empty_cgroup_has_no_usage() {
    let zero = json!({"time": "2026-01-01T00:00:00Z", "usageNanoCores": 0, "usageCoreNanoSeconds": 0});
    let used = json!({"time": "2026-01-01T00:00:00Z", "usageNanoCores": 0, "usageCoreNanoSeconds": 5});
    let memory = json!({"usageBytes": 0, "workingSetBytes": 0, "rssBytes": 0});
    let summary = read(json!([
        {"podRef": {"name": "p", "namespace": "n", "uid": "u"}, "cpu": zero, "memory": memory,
         "containers": [{"name": "c", "cpu": zero, "memory": memory}, {"name": "d", "cpu": used, "memory": memory}]},
    ]));
    let pod = summary.pod("u").unwrap();
    assert_eq!(pod.usage, UsageStats::default());
    assert_eq!(pod.container("c").unwrap().usage, UsageStats::default());
    let running = pod.container("d").unwrap().usage;
    assert_eq!((running.cpu_usage_ns, running.cpu_nanocores), (Some(5), Some(0)), "a rate of 0 is a value");
    assert_eq!((running.memory_bytes, running.working_set_bytes, running.rss_bytes), (None, None, None));
}

#[test]
fn only_malformed_figures_are_left_out() {
    let summary = read(json!([
        {"podRef": {"name": "p", "namespace": "n", "uid": "u"},
         "containers": [{"name": "c", "rootfs": {"usedBytes": -5, "capacityBytes": 7}, "logs": "none"}],
         "volume": [{"name": "v", "usedBytes": 1.5, "inodes": 3}, 4]},
        {"podRef": {"name": "q", "namespace": "n"}},
        7
    ]));
    let mut problems: Vec<_> = summary.problems.iter().map(ToString::to_string).collect();
    // The order of two keys of one object depends on serde_json's features.
    problems.sort();
    assert_eq!(
        problems,
        [
            "pod at index 2 of the list: invalid type: integer `7`, expected an object; the pod is left out",
            "pod n/p: containers[0].logs: invalid type: string \"none\", expected an object; the field is left out",
            "pod n/p: volume[0].usedBytes: not a whole number; the field is left out",
            "pod n/p: volume[1]: invalid type: integer `4`, expected an object; the field is left out",
            "pod n/q: podRef.uid: absent or empty, but required to identify the pod; the pod is left out",
        ]
    );
    assert_eq!(summary.problems.iter().filter(|problem| problem.cost == Cost::Pod).count(), 2);
    let pod = summary.pod("u").unwrap();
    assert_eq!(pod.containers[0].rootfs, FsStats { capacity_bytes: Some(7), ..FsStats::default() });
    assert_eq!(pod.containers[0].logs_used_bytes, None);
    assert_eq!(pod.volumes.len(), 1);
    assert_eq!(pod.volumes[0].fs, FsStats { inodes: Some(3), ..FsStats::default() });
}

#[test]
fn the_first_of_duplicate_names_is_used() {
    let reference = json!({"uid": "u"});
    let summary = read(json!([
        {"podRef": reference, "containers": [{"name": "c", "logs": {"usedBytes": 1}}, {"name": "c", "logs": {"usedBytes": 2}}]},
        {"podRef": reference, "containers": [{"name": "d"}]}
    ]));
    assert_eq!(summary.pods.len(), 1);
    assert_eq!(summary.pods[0].containers.len(), 1);
    assert_eq!(summary.pods[0].containers[0].logs_used_bytes, Some(1));
}

#[test]
fn other_documents_are_errors() {
    let error = parse(br#"{"kind":"PodList","items":[]}"#, "summary.json").unwrap_err();
    assert_eq!(
        error.to_string(),
        "summary.json: no `pods` in the document: expected a summary (the kubelet's /stats/summary), \
         found kind `PodList`"
    );
    assert!(matches!(parse(b"{\"pods\": [", "s").unwrap_err(), KubeletError::Syntax { line: 1, .. }));
    assert!(matches!(parse(b"", "s").unwrap_err(), KubeletError::Empty { .. }));
    assert!(parse(br#"{"node": {}, "pods": null}"#, "s").unwrap().pods.is_empty());
}

#[test]
fn statistics_of_known_pods_are_kept_first() {
    let uids = (0..3000).map(|number| format!("u{number:04}"));
    let all: Vec<_> = uids.map(|uid| json!({"podRef": {"uid": uid}})).collect();
    let body = json!({ "pods": all }).to_string();
    let known = json!({"items": [
        {"metadata": {"name": "a", "namespace": "n", "uid": "u2999"}},
        {"metadata": {"name": "b", "namespace": "n", "uid": "mirror", "annotations": {"kubernetes.io/config.hash": "u2998"}}},
    ]});
    let known = pods::parse(known.to_string().as_bytes(), "test").unwrap();
    let mut reader = SummaryReader::new("test", Some(&known));
    reader.push(body.as_bytes()).unwrap();
    let summary = reader.finish().unwrap();
    assert_eq!((summary.pods.len(), summary.left_out), (2500, 500));
    assert!(["u0000", "u2497", "u2998", "u2999"].iter().all(|uid| summary.pod(uid).is_some()));
    assert!(summary.pod("u2498").is_none());
}

#[test]
fn sentinels_and_negative_values_are_absent_without_a_problem() {
    // EFS reports 2^63 - 2^20 bytes minus the used ones as available; 1e20 does not fit into 64 bits.
    let body = r#"{"pods": [{"podRef": {"name": "p", "namespace": "n", "uid": "u"},
        "ephemeral-storage": {"usedBytes": 18446744073709551615},
        "containers": [{"name": "c",
            "rootfs": {"capacityBytes": 0, "availableBytes": 18446744073709551615, "usedBytes": 4096,
                       "inodes": 18446744073709551615, "inodesFree": 18446744073709551615, "inodesUsed": 7},
            "logs": {"usedBytes": -1}}],
        "volume": [
            {"name": "efs", "capacityBytes": 9223372036853727232, "availableBytes": 9223372036800000000, "usedBytes": 5,
             "inodes": 0, "inodesFree": 0, "inodesUsed": 0},
            {"name": "huge", "capacityBytes": 100000000000000000000, "usedBytes": 6, "inodes": -1, "inodesFree": -1},
            {"name": "real", "capacityBytes": 1000, "availableBytes": 0, "usedBytes": 1000, "inodes": 10, "inodesFree": 0}]}]}"#;
    let summary = parse(body.as_bytes(), "s").unwrap();
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    let pod = summary.pod("u").unwrap();
    let only_used = |used| FsStats { used_bytes: Some(used), ..FsStats::default() };
    assert_eq!(pod.containers[0].rootfs, FsStats { inodes_used: Some(7), ..only_used(4096) });
    assert_eq!(pod.containers[0].logs_used_bytes, None);
    assert_eq!(pod.ephemeral_storage_used_bytes, None);
    assert_eq!(pod.volumes[0].fs, FsStats { inodes_used: Some(0), ..only_used(5) });
    assert_eq!(pod.volumes[1].fs, only_used(6));
    let real = FsStats {
        capacity_bytes: Some(1000),
        available_bytes: Some(0),
        inodes: Some(10),
        inodes_free: Some(0),
        ..only_used(1000)
    };
    assert_eq!(pod.volumes[2].fs, real, "nothing free is a value");
}

#[test]
fn any_number_of_malformed_figures_keeps_the_volumes() {
    let odd = [json!("5"), json!(1.5), json!(true), json!([1]), json!({"a": 1}), json!(null)];
    let volumes: Vec<_> = (0..60)
        .map(|index| json!({"name": format!("v{index}"), "usedBytes": odd[index % 6], "inodesUsed": index}))
        .collect();
    let summary = read(json!([{"podRef": {"name": "p", "namespace": "n", "uid": "u"}, "volume": volumes}]));
    let pod = summary.pod("u").unwrap();
    assert_eq!(pod.volumes.len(), 60);
    assert!(
        pod.volumes.iter().all(|volume| volume.fs.used_bytes.is_none() && volume.fs.inodes_used.is_some())
    );
    assert_eq!(summary.problems.len(), 50, "null is an absent number");
    assert_eq!(
        summary.problems.iter().next().unwrap().to_string(),
        "pod n/p: volume[0].usedBytes: not a whole number; the field is left out"
    );
}

#[test]
fn the_default_interface_is_used_without_a_list() {
    let summary = read(json!([
        {"podRef": {"uid": "a"}, "network": {"time": "1970-01-01T00:00:01Z", "name": "eth0", "rxBytes": 9, "txErrors": "x"}},
        {"podRef": {"uid": "b"}, "network": {"time": 5, "name": "eth0", "interfaces": [{"name": "net1", "txBytes": 3}, 4]}},
        {"podRef": {"uid": "c"}, "network": "none"},
    ]));
    let interface = |name: &str| InterfaceStats { name: name.into(), ..InterfaceStats::default() };
    let [a, b, c] = ["a", "b", "c"].map(|uid| summary.pod(uid).unwrap());
    assert_eq!(a.network_read_at_ns, Some(1_000_000_000));
    assert_eq!(a.interfaces, [InterfaceStats { rx_bytes: Some(9), ..interface("eth0") }]);
    assert_eq!(b.network_read_at_ns, None);
    assert_eq!(b.interfaces, [InterfaceStats { tx_bytes: Some(3), ..interface("net1") }]);
    assert!(c.interfaces.is_empty());
    assert_eq!(summary.problems.len(), 4, "{:?}", summary.problems);
}
