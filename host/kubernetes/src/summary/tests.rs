use serde_json::json;

use super::{FsStats, Summary, SummaryReader, parse};
use crate::pods;
use crate::{Cost, KubeletError};

const SUMMARY: &str = include_str!("../../tests/data/summary.json");

fn read(pods: serde_json::Value) -> Summary {
    parse(json!({"node": {"nodeName": "a"}, "pods": pods}).to_string().as_bytes(), "test").unwrap()
}

#[test]
fn a_whole_summary() {
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
    assert_eq!(summary.pod("no-such-uid"), None);
    assert_eq!(web.container("no-such"), None);
}

#[test]
fn a_broken_figure_costs_that_figure() {
    let summary = read(json!([
        {"podRef": {"name": "p", "namespace": "n", "uid": "u"},
         "containers": [{"name": "c", "rootfs": {"usedBytes": -5, "capacityBytes": 7}, "logs": "none"}],
         "volume": [{"name": "v", "usedBytes": 1.5, "inodes": 3}, 4]},
        {"podRef": {"name": "q", "namespace": "n"}},
        7
    ]));
    let mut problems: Vec<_> = summary.problems.iter().map(ToString::to_string).collect();
    // In which order two keys of one object come depends on serde_json's features.
    problems.sort();
    assert_eq!(
        problems,
        [
            "pod n/p: containers[0].logs: invalid type: string \"none\", expected an object; the field is left out",
            "pod n/p: containers[0].rootfs.usedBytes: invalid value: integer `-5`, expected u64; the field is left out",
            "pod n/p: volume[0].usedBytes: invalid type: floating point `1.5`, expected u64; the field is left out",
            "pod n/p: volume[1]: invalid type: integer `4`, expected an object; the field is left out",
            "pod n/q: podRef.uid: absent or empty, and its figures belong to no pod without it; the pod is left out",
            "pod number 2 of the list: invalid type: integer `7`, expected an object; the pod is left out",
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
fn of_the_same_name_the_first_counts() {
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
fn whole_documents_that_are_not_summaries() {
    let error = parse(br#"{"kind":"PodList","items":[]}"#, "summary.json").unwrap_err();
    assert_eq!(
        error.to_string(),
        "summary.json: no `pods` in the answer, wanted a summary (the kubelet's /stats/summary); found kind `PodList`"
    );
    assert!(matches!(parse(b"{\"pods\": [", "s").unwrap_err(), KubeletError::Syntax { line: 1, .. }));
    assert!(matches!(parse(b"", "s").unwrap_err(), KubeletError::Empty { .. }));
    assert!(parse(br#"{"node": {}, "pods": null}"#, "s").unwrap().pods.is_empty());
}

#[test]
fn where_not_all_fit_those_of_known_pods_are_kept() {
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
