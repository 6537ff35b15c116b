//! Comparison of ECS events with the published samples of the ECS agent's events.

use std::collections::{BTreeMap, BTreeSet};

use insightd_emf::Emf;
use insights_sdk::golden::{self, Case, Outcome};
use serde_json::{Value, json};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// Members of a task's event on an instance, apart from the service: its sample has none.
const TASK: &str = "AccountID AvailabilityZone CloudWatchMetrics ClusterName ContainerInstanceId CpuReserved CpuUtilized \
    CreatedAt EC2InstanceId KnownStatus LaunchType MemoryReserved MemoryUtilized NetworkRxBytes NetworkRxDropped \
    NetworkRxErrors NetworkRxPackets NetworkTxBytes NetworkTxDropped NetworkTxErrors NetworkTxPackets PullStartedAt \
    PullStoppedAt Region StartedAt StorageReadBytes StorageWriteBytes TaskDefinitionFamily TaskDefinitionRevision TaskId \
    Timestamp Type Version";
/// Members of a task's event on Fargate.
const FARGATE_TASK: &str = "AccountID AvailabilityZone CloudWatchMetrics ClusterName CpuReserved CpuUtilized CreatedAt \
    EphemeralStorageReserved KnownStatus LaunchType MemoryReserved MemoryUtilized NetworkRxBytes NetworkRxDropped \
    NetworkRxErrors NetworkRxPackets NetworkTxBytes NetworkTxDropped NetworkTxErrors NetworkTxPackets PullStartedAt \
    PullStoppedAt Region StartedAt StorageReadBytes StorageWriteBytes TaskDefinitionFamily TaskDefinitionRevision TaskId \
    Timestamp Type Version";
/// Members of a container's event on an instance.
const CONTAINER: &str = "ClusterName ContainerInstanceId ContainerKnownStatus ContainerName CpuReserved CpuUtilized \
    EC2InstanceId Image MemoryReserved MemoryUtilized NetworkRxBytes NetworkRxDropped NetworkRxErrors NetworkRxPackets \
    NetworkTxBytes NetworkTxDropped NetworkTxErrors NetworkTxPackets StorageReadBytes StorageWriteBytes \
    TaskDefinitionFamily TaskDefinitionRevision TaskId Timestamp Type Version";

/// Metrics of a task with their units, as the sample of a task declares them.
const METRICS: [(&str, Option<&str>); 8] = [
    ("CpuReserved", None),
    ("CpuUtilized", None),
    ("MemoryReserved", Some("Megabytes")),
    ("MemoryUtilized", Some("Megabytes")),
    ("NetworkRxBytes", Some("Bytes/Second")),
    ("NetworkTxBytes", Some("Bytes/Second")),
    ("StorageReadBytes", Some("Bytes")),
    ("StorageWriteBytes", Some("Bytes")),
];

fn case(name: &str) -> Case {
    Case::load(format!("{CASES}/{name}")).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns the events of a case.
fn events(name: &str) -> Vec<Value> {
    let Outcome::Events(payloads) = golden::format::<Emf>(&case(name)) else { panic!("{name} fails") };
    let events = payloads.events();
    events.map(|event| serde_json::from_slice(event.bytes).expect("events are JSON")).collect()
}

/// Returns the first event with these members.
fn event(name: &str, members: &[(&str, &str)]) -> Value {
    let mut all = events(name).into_iter();
    let found = all.find(|event| members.iter().all(|(key, value)| event[*key] == *value));
    found.unwrap_or_else(|| panic!("{name} has no event with {members:?}"))
}

/// Checks that an event has exactly these members and some more.
fn assert_members(event: &Value, sample: &str, more: &[&str]) {
    let found: BTreeSet<&str> = event.as_object().expect("an object").keys().map(String::as_str).collect();
    let wanted: BTreeSet<&str> = sample.split(' ').chain(more.iter().copied()).collect();
    assert_eq!(found, wanted);
}

/// Returns the metrics of the only directive, with their units.
fn metrics(event: &Value) -> BTreeMap<String, Option<String>> {
    let directives = event["CloudWatchMetrics"].as_array().expect("directives");
    assert_eq!(directives.len(), 1);
    let text = |value: &Value| value.as_str().map(String::from);
    let metrics = directives[0]["Metrics"].as_array().expect("metrics").iter();
    metrics.map(|metric| (text(&metric["Name"]).expect("a name"), text(&metric["Unit"]))).collect()
}

#[test]
fn classic_events_have_the_members_of_the_samples() {
    let task = event("ecs_tasks_classic", &[("Type", "Task"), ("TaskDefinitionFamily", "web")]);
    assert_members(&task, TASK, &["ServiceName"]);
    assert_eq!(task["Version"], "0");
    let directive = &task["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "ECS/ContainerInsights");
    let sets =
        json!([["ClusterName"], ["ClusterName", "TaskDefinitionFamily"], ["ClusterName", "ServiceName"]]);
    assert_eq!(directive["Dimensions"], sets);
    let wanted = METRICS.map(|(name, unit)| (name.to_string(), unit.map(String::from)));
    assert_eq!(metrics(&task), wanted.into());

    let container = event("ecs_tasks_classic", &[("Type", "Container"), ("ContainerName", "collector")]);
    assert_members(&container, CONTAINER, &["ServiceName"]);

    let task = event("ecs_sidecar_classic", &[("Type", "Task")]);
    assert_members(&task, FARGATE_TASK, &["EphemeralStorageUtilized"]);
    assert_eq!(
        task["CloudWatchMetrics"][0]["Dimensions"],
        json!([["ClusterName"], ["ClusterName", "TaskDefinitionFamily"]])
    );
    assert_eq!(metrics(&task)["EphemeralStorageReserved"].as_deref(), Some("Gigabytes"));
}

/// Tests that no metric of a container is declared under the sets of its task, which would count it twice.
#[test]
fn classic_containers_have_no_metrics() {
    for name in ["ecs_tasks", "ecs_tasks_classic", "ecs_sidecar"] {
        let containers: Vec<_> =
            events(name).into_iter().filter(|event| event["Type"] == "Container").collect();
        assert!(containers.len() > 1);
        for container in containers {
            assert!(container.get("_aws").is_none() && container.get("CloudWatchMetrics").is_none());
            assert!(container.get("kubernetes").is_none());
        }
    }
}
