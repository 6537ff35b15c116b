//! The real SDK with an emulator of the service: events read back equal the produced ones, byte for byte.
//!
//! `INSIGHTD_TEST_AWS` is the emulator's address; `make test-aws` starts one. Without it, each test prints `SKIPPED` and returns.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use insightd_aws::logs::{BodyBuilder, Create, Destination, GroupSettings, Logs, LogsSettings};
use insightd_delivery::{DeliveryQueue, Reply, Transport, run};
use insightd_spool::{Block, Settings, Spool};
use insightd_upstream::UpstreamStatus;
use tokio::sync::watch;

use common::{config, emulator, now_ms, stored_events};

const TIMEOUT: Duration = Duration::from_secs(10);

fn destination(test: &str) -> Destination {
    Destination {
        group: format!("/aws/containerinsights/{test}-{}/performance", now_ms()),
        stream: "node-1".into(),
    }
}

#[tokio::test]
async fn stored_events_equal_produced_events() {
    let Some(url) = emulator() else { return };
    let config = config(&url, TIMEOUT).await;
    let destination = destination("arrive");
    let group = GroupSettings {
        retention_days: Some(7),
        tags: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
        kms_key: None,
    };
    let settings = LogsSettings { group, ..LogsSettings::default() };
    let directory = tempfile::tempdir().unwrap();
    let queue = DeliveryQueue::new(
        Spool::open(Settings::new(directory.path().join("logs")), now_ms()),
        Arc::new(UpstreamStatus::new("logs")),
    )
    .unwrap();
    let (stop, stopped) = watch::channel(false);
    let logs = Arc::new(Logs::new(&config, settings));
    let task = tokio::spawn(run(queue.clone(), logs, 2, fastrand::Rng::new(), stopped));

    let start = now_ms();
    let mut produced = Vec::new();
    for tick in 0..5_u64 {
        let time = start + tick;
        let event =
            |n: u64| format!(r#"{{"Type":"Pod","n":{n},"text":"ü\" \\ {}"}}"#, "x".repeat(n as usize));
        let mut open = BodyBuilder::new(&destination, time, &event(0));
        produced.push((time as i64, event(0)));
        for n in 1..200 {
            assert!(open.push(time, &event(n)));
            produced.push((time as i64, event(n)));
        }
        let body = open.finish();
        let key = destination.key();
        queue.put(Block { events: body.events, time_unix_ms: time, key, body: body.gzip }).unwrap();
        queue.end_tick(time);
    }
    for _ in 0..300 {
        if queue.stats().pending.blocks == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(queue.stats().pending.blocks == 0, "{:?} {:?}", queue.stats(), queue.status().snapshot().error);
    stop.send(true).unwrap();
    task.await.unwrap();

    let client = Client::new(&config);
    let mut found = stored_events(&client, &destination).await;
    found.sort();
    produced.sort();
    assert_eq!(found.len(), 1000);
    assert_eq!(found, produced);
    let counts = queue.counts();
    assert_eq!((counts.accepted_requests, counts.accepted_events), (5, 1000));
    let groups = client.describe_log_groups().log_group_name_prefix(&destination.group).send().await.unwrap();
    assert_eq!(groups.log_groups()[0].retention_in_days(), Some(7));
    let arn = groups.log_groups()[0].arn().unwrap().trim_end_matches(":*").to_owned();
    let tags = client.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert_eq!(tags.tags().and_then(|tags| tags.get("team")).map(String::as_str), Some("shop"));
}

fn body(destination: &Destination, time: u64) -> Vec<u8> {
    BodyBuilder::new(destination, time, r#"{"a":1}"#).finish().gzip
}

#[tokio::test]
async fn concurrent_creations_of_a_stream_all_deliver() {
    let Some(url) = emulator() else { return };
    let config = config(&url, TIMEOUT).await;
    let destination = destination("race");
    let mut tasks = Vec::new();
    for n in 0..8 {
        let logs = Logs::new(&config, LogsSettings::default());
        let destination = destination.clone();
        let time = now_ms() + n;
        tasks.push(tokio::spawn(async move {
            for _ in 0..5 {
                match logs.send(&destination.key(), 1, body(&destination, time)).await {
                    Reply::Accepted(_) => return,
                    Reply::Created => {}
                    other => panic!("{other:?}"),
                }
            }
            panic!("created five times");
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(stored_events(&Client::new(&config), &destination).await.len(), 8);
}

#[tokio::test]
async fn a_missing_resource_that_must_not_be_created_is_reported() {
    let Some(url) = emulator() else { return };
    let config = config(&url, TIMEOUT).await;
    let destination = destination("missing");
    for create in [Create::Nothing, Create::Stream] {
        let logs = Logs::new(&config, LogsSettings { create, ..LogsSettings::default() });
        match logs.send(&destination.key(), 1, body(&destination, now_ms())).await {
            Reply::Retry { only_destination: true, error, .. } => {
                assert!(error.contains("does not exist") && error.contains(&destination.group), "{error}");
            }
            other => panic!("{create:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn bodies_can_be_sent_uncompressed() {
    let Some(url) = emulator() else { return };
    let config = config(&url, TIMEOUT).await;
    let destination = destination("plain");
    let logs = Logs::new(&config, LogsSettings { plain: true, ..LogsSettings::default() });
    let time = now_ms();
    assert_eq!(logs.send(&destination.key(), 1, body(&destination, time)).await, Reply::Created);
    assert!(matches!(logs.send(&destination.key(), 1, body(&destination, time)).await, Reply::Accepted(_)));
    assert_eq!(
        stored_events(&Client::new(&config), &destination).await,
        [(time as i64, r#"{"a":1}"#.to_owned())]
    );
}
