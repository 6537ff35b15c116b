//! Tests of the parsers with responses of real kubelets (`tests/fixtures/nodes/`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use insightd_collect::CounterCache;
use insightd_kubernetes::pods::{ContainerKind, ContainerState, PodList};
use insightd_kubernetes::summary::Summary;
use insightd_kubernetes::{Emitter, pods, summary};
use insights_batch::{Batch, Builder};
use serde_json::Value;

/// Returns the directories of all recordings, and prints a message if there are none.
fn recordings() -> Vec<PathBuf> {
    let nodes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodes");
    let found: Vec<PathBuf> = fs::read_dir(&nodes)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("manifest.json").exists())
        .collect();
    if found.is_empty() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no recorded nodes in {}", nodes.display());
    }
    found
}

struct Frame {
    pods: PodList,
    summary: Summary,
    pods_tree: Value,
    summary_tree: Value,
    monotonic_ns: u64,
}

fn frames(recording: &Path) -> Vec<Frame> {
    let json = |path: &Path| -> (Vec<u8>, Value) {
        let body = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let tree = serde_json::from_slice(&body).unwrap();
        (body, tree)
    };
    let (_, manifest) = json(&recording.join("manifest.json"));
    let frames = manifest["frames"].as_array().unwrap();
    frames
        .iter()
        .map(|frame| {
            let root = recording.join(frame["root"].as_str().unwrap());
            let file = |key: &str| root.join(frame["kubelet"][key].as_str().unwrap());
            let (pods_body, pods_tree) = json(&file("pods"));
            let (summary_body, summary_tree) = json(&file("summary"));
            Frame {
                pods: pods::parse(&pods_body, &file("pods").display().to_string()).unwrap(),
                summary: summary::parse(&summary_body, &file("summary").display().to_string()).unwrap(),
                pods_tree,
                summary_tree,
                monotonic_ns: frame["monotonic_ns"].as_u64().unwrap(),
            }
        })
        .collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[test]
fn every_pod_equals_the_document() {
    for recording in recordings() {
        for frame in frames(&recording) {
            assert!(frame.pods.problems.is_empty(), "{:?}", frame.pods.problems);
            let by_uid: BTreeMap<_, _> = frame.pods.pods.iter().map(|pod| (&*pod.uid, pod)).collect();
            let items = frame.pods_tree["items"].as_array().unwrap();
            assert!(!items.is_empty() && by_uid.len() == items.len());
            for item in items {
                let (metadata, spec, status) = (&item["metadata"], &item["spec"], &item["status"]);
                let pod = by_uid[metadata["uid"].as_str().unwrap()];
                assert_eq!(Some(pod.name.to_string()), text(&metadata["name"]));
                assert_eq!(Some(pod.namespace.to_string()), text(&metadata["namespace"]));
                assert_eq!(pod.phase.as_deref().map(str::to_owned), text(&status["phase"]));
                assert_eq!(pod.qos.as_deref().map(str::to_owned), text(&status["qosClass"]));
                assert_eq!(pod.ip.as_deref().map(str::to_owned), text(&status["podIP"]));
                assert_eq!(pod.host_network, spec["hostNetwork"] == true);
                assert_eq!(
                    pod.config_hash.as_deref().map(str::to_owned),
                    text(&metadata["annotations"]["kubernetes.io/config.hash"])
                );
                assert_eq!(pod.labels.len(), metadata["labels"].as_object().map_or(0, |labels| labels.len()));
                assert_eq!(pod.owners.len(), metadata["ownerReferences"].as_array().map_or(0, Vec::len));
                assert_eq!(pod.start_unix_ms.is_some(), status["startTime"].is_string());
                for (list, statuses) in [
                    ("containers", "containerStatuses"),
                    ("initContainers", "initContainerStatuses"),
                    ("ephemeralContainers", "ephemeralContainerStatuses"),
                ] {
                    for spec in spec[list].as_array().into_iter().flatten() {
                        let name = spec["name"].as_str().unwrap();
                        let container =
                            pod.containers.iter().find(|container| &*container.name == name).unwrap();
                        let kind = match (list, spec["restartPolicy"].as_str()) {
                            ("containers", _) => ContainerKind::Main,
                            ("ephemeralContainers", _) => ContainerKind::Ephemeral,
                            (_, Some("Always")) => ContainerKind::Sidecar,
                            _ => ContainerKind::Init,
                        };
                        assert_eq!(container.kind, kind, "{name}");
                        let amounts = [
                            (container.requests.cpu_millicores, "/resources/requests/cpu"),
                            (container.requests.memory_bytes, "/resources/requests/memory"),
                            (container.limits.cpu_millicores, "/resources/limits/cpu"),
                            (container.limits.memory_bytes, "/resources/limits/memory"),
                            (container.ephemeral_storage_limit_bytes, "/resources/limits/ephemeral-storage"),
                        ];
                        for (amount, pointer) in amounts {
                            assert_eq!(amount.is_some(), spec.pointer(pointer).is_some(), "{name}{pointer}");
                        }
                        let status = status[statuses]
                            .as_array()
                            .and_then(|list| list.iter().find(|status| status["name"] == name));
                        assert_eq!(
                            container.restarts,
                            status.and_then(|status| status["restartCount"].as_u64())
                        );
                        let id = status.and_then(|status| text(&status["containerID"]));
                        let ours = container.runtime.as_deref().zip(container.id.as_deref());
                        assert_eq!(ours.map(|(runtime, id)| format!("{runtime}://{id}")), id, "{name}");
                        let state = status.map(|status| status["state"].as_object().unwrap());
                        let key = state.map(|state| state.keys().next().map_or("waiting", String::as_str));
                        assert_eq!(container.state.as_ref().map(ContainerState::as_str), key, "{name}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_file_system_equals_the_document() {
    for recording in recordings() {
        for frame in frames(&recording) {
            assert!(frame.summary.problems.is_empty(), "{:?}", frame.summary.problems);
            let pods = frame.summary_tree["pods"].as_array().unwrap();
            assert!(!pods.is_empty() && frame.summary.pods.len() == pods.len());
            for tree in pods {
                let uid = tree["podRef"]["uid"].as_str().unwrap();
                let pod = frame.summary.pod(uid).unwrap();
                for tree in tree["containers"].as_array().into_iter().flatten() {
                    let container = pod.container(tree["name"].as_str().unwrap()).unwrap();
                    assert_eq!(container.rootfs.used_bytes, tree["rootfs"]["usedBytes"].as_u64());
                    assert_eq!(container.rootfs.capacity_bytes, tree["rootfs"]["capacityBytes"].as_u64());
                    assert_eq!(container.rootfs.available_bytes, tree["rootfs"]["availableBytes"].as_u64());
                    assert_eq!(container.logs_used_bytes, tree["logs"]["usedBytes"].as_u64());
                }
                for tree in tree["volume"].as_array().into_iter().flatten() {
                    let name = tree["name"].as_str().unwrap();
                    let volume = pod.volumes.iter().find(|volume| &*volume.name == name).unwrap();
                    assert_eq!(volume.fs.used_bytes, tree["usedBytes"].as_u64());
                    assert_eq!(volume.fs.inodes_used, tree["inodesUsed"].as_u64());
                    assert_eq!(volume.claim.as_deref().map(str::to_owned), text(&tree["pvcRef"]["name"]));
                }
            }
        }
    }
}

#[test]
fn every_frame_becomes_a_batch() {
    for recording in recordings() {
        let frames = frames(&recording);
        let mut counter_cache = CounterCache::new(Duration::from_secs(600));
        let mut emitter = Emitter::new();
        let mut known = BTreeSet::new();
        for (index, frame) in frames.iter().enumerate() {
            let mut builder = Builder::new("node", "recorded", 0, 60_000);
            let node = builder.entity("node", "recorded", None);
            let Frame { pods, summary, monotonic_ns, .. } = frame;
            emitter.emit(pods, Some(summary), node, &mut counter_cache, *monotonic_ns, &mut builder);
            let columns = builder.finish();
            columns.check().unwrap();
            let batch = Batch::from_columns(columns);
            assert_eq!(batch.of_kind("pod").len(), pods.pods.len());
            let running: Vec<_> = batch
                .of_kind("container")
                .into_iter()
                .filter(|container| container.attribute("container.state") == Some("running"))
                .collect();
            assert!(!running.is_empty());
            let with_layer = running.iter().filter(|c| !c.children_of_kind("filesystem").is_empty()).count();
            assert!(with_layer > 0, "the kubelet knows layers of running containers");
            for container in batch.of_kind("container") {
                let Some(restarts) = container.counter("container.restarts") else { continue };
                let seen_before = !known.insert(container.id().to_owned());
                assert_eq!(restarts.previous.is_some(), seen_before, "{}", container.id());
                if seen_before {
                    assert_eq!(
                        restarts.elapsed_ns,
                        frames[index].monotonic_ns - frames[index - 1].monotonic_ns
                    );
                }
            }
        }
    }
}
