//! The agent as a container of the task that it measures.

use std::fs;
use std::process::Command;

use insightd_tests::{Events, program};
use serde_json::{Value, json};

use crate::endpoint::Endpoint;

const TASK: &str = "cd189a933e5849daa93386466019ab50";

/// Returns the statistics of a container in the shape of Docker. In each minute, it computes for 3 seconds and receives 6,000 bytes.
fn stats(minute: u64) -> Value {
    let (cpu_ns, received) = (minute * 3_000_000_000, minute * 6_000);
    json!({
        "read": format!("2020-10-02T00:{minute:02}:10.500000000Z"),
        "preread": "2020-10-02T00:51:03.000000000Z",
        "pids_stats": {},
        "cpu_stats": {
            "cpu_usage": {"total_usage": cpu_ns, "usage_in_kernelmode": 1_000_000, "usage_in_usermode": 2_000_000},
            "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
        },
        "memory_stats": {
            "usage": 104_857_600, "max_usage": 209_715_200, "limit": 9_223_372_036_854_772_000_u64,
            "stats": {"cache": 20_971_520, "rss": 83_886_080, "total_cache": 20_971_520, "total_rss": 83_886_080},
        },
        "blkio_stats": {"io_service_bytes_recursive": [
            {"major": 202, "minor": 26368, "op": "Read", "value": 1_000},
            {"major": 202, "minor": 26368, "op": "Write", "value": 200},
            {"major": 202, "minor": 26880, "op": "Read", "value": 30},
            {"major": 202, "minor": 26880, "op": "Total", "value": 30},
        ]},
        "networks": {"eth1": {
            "rx_bytes": received, "rx_packets": 10, "rx_errors": 0, "rx_dropped": 0,
            "tx_bytes": 500, "tx_packets": 5, "tx_errors": 0, "tx_dropped": 0,
        }},
    })
}

fn gauge(event: &Value, name: &str) -> f64 {
    event[name].as_f64().unwrap_or_else(|| panic!("{name} is missing in {event}"))
}

#[test]
fn a_task_on_fargate_is_measured_from_its_metadata() {
    let endpoint = Endpoint::start();
    let ids = [format!("{TASK}-0895560943"), format!("{TASK}-2495160603")];
    let container = |id: &str, name: &str| {
        json!({
            "DockerId": id, "Name": name, "DockerName": name, "Image": "111122223333.dkr.ecr.us-west-2.amazonaws.com/app:1",
            "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Limits": {"CPU": 2}, "Type": "NORMAL",
            "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.2.106"]}],
        })
    };
    let task = json!({
        "Cluster": "arn:aws:ecs:us-west-2:111122223333:cluster/shop",
        "TaskARN": format!("arn:aws:ecs:us-west-2:111122223333:task/shop/{TASK}"),
        "Family": "web", "Revision": "7", "ServiceName": "front", "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING",
        "Limits": {"CPU": 0.25, "Memory": 512}, "LaunchType": "FARGATE", "AvailabilityZone": "us-west-2b",
        "EphemeralStorageMetrics": {"Utilized": 281, "Reserved": 20496},
        "Containers": [container(&ids[0], "app"), container(&ids[1], "insightd")],
    });
    endpoint.set("/v4/x/task", task.to_string());
    // on the task's own clock, a minute passes between two responses
    let (first, second) = (ids[0].clone(), ids[1].clone());
    let mut minute = 0;
    endpoint.set_each("/v4/x/task/stats", move || {
        minute += 1;
        json!({&*first: stats(minute), &*second: null}).to_string()
    });
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("insightd.yaml");
    fs::write(&config, "interval: 60s\nrole: task\noperations: {listen: none}\necs: {timeout: 5s}\n")
        .expect("written");
    let run = |variable: Option<String>| {
        let mut command = Command::new(program("insightd"));
        command.args(["run", "--once", "--config"]).arg(&config).env_remove("ECS_CONTAINER_METADATA_URI_V4");
        if let Some(uri) = variable {
            command.env("ECS_CONTAINER_METADATA_URI_V4", uri);
        }
        command.output().expect("the agent starts")
    };

    let output = run(Some(format!("{}/v4/x", endpoint.url())));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{log}");
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let events =
        Events::new(lines.lines().map(|line| serde_json::from_str(line).expect("an event")).collect());
    assert_eq!(events.of_type("Task").count(), 1, "{log}");
    let event = events.only("Task");
    for (key, value) in [
        ("ClusterName", "shop"),
        ("TaskId", TASK),
        ("TaskDefinitionFamily", "web"),
        ("ServiceName", "front"),
        ("LaunchType", "FARGATE"),
    ] {
        assert_eq!(event[key], value, "{event}");
    }
    assert_eq!(event["ContainerInstanceId"], Value::Null);
    assert_eq!(gauge(event, "CpuReserved"), 256.0, "a quarter of a vCPU");
    assert_eq!(gauge(event, "MemoryReserved"), 512.0);
    assert_eq!(gauge(event, "MemoryUtilized"), 80.0, "100 MiB less 20 MiB of cache");
    assert_eq!(gauge(event, "StorageReadBytes"), 1_030.0, "both disks");
    assert_eq!(gauge(event, "StorageWriteBytes"), 200.0);
    let cpu = 3_000_000_000.0 / 60_000_000_000.0 * 1024.0;
    assert!((gauge(event, "CpuUtilized") - cpu).abs() < 1e-9, "{event}");
    assert!((gauge(event, "NetworkRxBytes") - 100.0).abs() < 1e-9, "{event}");

    let output = run(None);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && log.contains("ECS_CONTAINER_METADATA_URI_V4 is not set"), "{log}");
}
