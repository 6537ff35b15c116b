//! Delivery to an emulator of CloudWatch Logs: the stored events equal the printed ones, byte for byte, and each event
//! conforms to the embedded metric format.
//!
//! `INSIGHTD_TEST_AWS` is the address of the emulator; `make test-aws` starts one. Without it, these tests do not count as passed.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::Client;
use insightd_aws::sdk::load;
use insightd_aws::settings::AwsSettings;
use serde_json::Value;

fn emulator() -> Option<String> {
    let url = std::env::var("INSIGHTD_TEST_AWS").ok();
    if url.is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: INSIGHTD_TEST_AWS is not set; `make test-aws` starts an emulator and sets it"
        );
    }
    url
}

fn cluster(test: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!("{test}-{now}")
}

/// Writes a configuration whose two outputs get the same events.
fn config(directory: &Path, url: &str, cluster: &str) -> String {
    let spool = directory.join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    let text = format!(
        "node: {{name: node-1, cluster_name: {cluster}}}
instance: {{enabled: false}}
aws: {{region: eu-central-1}}
operations: {{listen: none}}
sinks:
  cloudwatch: {{type: cloudwatch_logs, endpoint_url: \"{url}\", spool: {{dir: {}}}}}
pipelines:
  - name: node
    scope: node
    transforms: [{{use: \"builtin:decorate\"}}, {{use: \"builtin:utilization\"}}]
    outputs:
      - {{formatter: {{use: \"builtin:emf\"}}, sink: stdout}}
      - {{formatter: {{use: \"builtin:emf\"}}, sink: cloudwatch}}
",
        spool.display()
    );
    let path = directory.join("insightd.yaml");
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    path.display().to_string()
}

fn agent(config: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
    command.args(["run", "--config", config]).args(arguments).stdout(Stdio::piped());
    command.env_remove("K8S_NODE_NAME").env_remove("HOST_NAME").env_remove("K8S_CLUSTER_NAME");
    command
}

async fn client(url: &str) -> Client {
    let settings = AwsSettings {
        region: Some("eu-central-1".into()),
        endpoint_url: Some(url.into()),
        timeout: Duration::from_secs(10),
        ..AwsSettings::default()
    };
    Client::new(&load(&settings).await.unwrap())
}

async fn stored(client: &Client, cluster: &str) -> Vec<String> {
    let group = format!("/aws/containerinsights/{cluster}/performance");
    let (mut events, mut token) = (Vec::new(), None);
    loop {
        let request = client.get_log_events().start_from_head(true).log_group_name(&group);
        let page = request.log_stream_name("node-1").set_next_token(token.clone()).send().await.unwrap();
        events.extend(page.events().iter().map(|event| event.message().unwrap().to_owned()));
        if page.events().is_empty() {
            return events;
        }
        token = page.next_forward_token().map(str::to_owned);
    }
}

#[tokio::test]
async fn what_is_stored_is_what_is_printed() {
    let Some(url) = emulator() else { return };
    let (directory, cluster) = (tempfile::tempdir().unwrap(), cluster("printed"));
    let config = config(directory.path(), &url, &cluster);
    let output = agent(&config, &["--once"]).output().unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut printed: Vec<&str> = printed.lines().collect();
    let mut stored = stored(&client(&url).await, &cluster).await;
    printed.sort_unstable();
    stored.sort_unstable();
    assert!(printed.len() >= 3, "{}", printed.len());
    assert_eq!(stored, printed);
    let types: BTreeSet<String> = stored.iter().map(|event| check_event(event)).collect();
    assert!(types.contains("Node"), "{types:?}");
    println!("{} events stored as printed: {types:?}", stored.len());
    let left: Vec<_> = std::fs::read_dir(directory.path().join("spool/cloudwatch")).unwrap().collect();
    assert!(left.len() <= 1, "nothing but the lock is left: {left:?}");
}

/// The service is unavailable, the agent is killed, and the next agent delivers the events that were printed.
#[tokio::test]
async fn a_killed_agent_loses_nothing_that_it_printed_before() {
    let Some(url) = emulator() else { return };
    let (directory, cluster) = (tempfile::tempdir().unwrap(), cluster("killed"));
    let away = config(directory.path(), "http://127.0.0.1:9", &cluster);
    let mut first = agent(&away, &["--interval", "1s"]).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(first.stdout.take().unwrap()).lines();
    let (mut printed, start) = (Vec::new(), Instant::now());
    let mut ticks = BTreeSet::new();
    for line in lines {
        let line = line.unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        ticks.insert(event["_aws"]["Timestamp"].as_u64());
        printed.push(line);
        if ticks.len() == 5 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(60));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let last = ticks.pop_last().unwrap();
    // The last tick may not have reached the spool when the agent was killed.
    printed.retain(|line| serde_json::from_str::<Value>(line).unwrap()["_aws"]["Timestamp"].as_u64() != last);

    let back = config(directory.path(), &url, &cluster);
    assert!(agent(&back, &["--once"]).output().unwrap().status.success());
    let stored = stored(&client(&url).await, &cluster).await;
    let different: BTreeSet<&String> = stored.iter().collect();
    let missing: Vec<&String> = printed.iter().filter(|line| !different.contains(line)).collect();
    println!("{} events of {} ticks printed, {} stored", printed.len(), ticks.len(), stored.len());
    assert_eq!(missing, Vec::<&String>::new());
    assert_eq!(different.len(), stored.len(), "none twice");
}

/// Checks an event against the specification of the format and the limits of CloudWatch. Returns its type.
fn check_event(text: &str) -> String {
    const UNITS: [&str; 8] =
        ["Percent", "Count", "Count/Second", "Bytes", "Bytes/Second", "Seconds", "Milliseconds", "None"];
    assert!(text.len() <= 256 * 1024 - 26);
    let event: Value = serde_json::from_str(text).unwrap();
    let members = event.as_object().unwrap();
    let kind = members["Type"].as_str().unwrap().to_owned();
    // Events of some types have no metrics.
    let Some(aws) = members.get("_aws") else {
        assert_ne!(kind, "Node");
        return kind;
    };
    assert!(aws["Timestamp"].is_u64());
    for directive in aws["CloudWatchMetrics"].as_array().unwrap() {
        let namespace = directive["Namespace"].as_str().unwrap();
        assert!((1..=1024).contains(&namespace.len()));
        let sets = directive["Dimensions"].as_array().unwrap();
        assert!(!sets.is_empty());
        for set in sets {
            let keys = set.as_array().unwrap();
            assert!(keys.len() <= 30);
            for key in keys {
                let key = key.as_str().unwrap();
                let value = members.get(key).and_then(Value::as_str);
                let value = value.unwrap_or_else(|| panic!("dimension {key} is no text in {text}"));
                assert!(key.len() <= 250 && (1..=1024).contains(&value.len()), "{key}: {value}");
            }
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()), "{}", metrics.len());
        for metric in metrics {
            let name = metric["Name"].as_str().unwrap();
            assert!((1..=1024).contains(&name.len()));
            assert!(members.get(name).is_some_and(Value::is_number), "{name} is no number in {text}");
            let unit = metric.get("Unit").map_or("None", |unit| unit.as_str().unwrap());
            assert!(UNITS.contains(&unit), "{name}: {unit}");
            let resolution = metric.get("StorageResolution").map_or(60, |value| value.as_u64().unwrap());
            assert!(resolution == 1 || resolution == 60);
        }
    }
    kind
}
