//! The real SDK with an emulator of the service: events read back equal the produced ones, byte for byte.
//!
//! `INSIGHTD_TEST_AWS` is the emulator's address; `make test-aws` starts one. Without it, each test prints `SKIPPED` and returns.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::Client;
use insightd_aws::delivery::{Outbox, Post, Reply, run};
use insightd_aws::logs::{Create, Destination, GroupSettings, Logs, LogsSettings, Open};
use insightd_aws::sdk::{AwsSettings, load};
use insightd_peer::Status;
use insightd_spool::{NewBlock, Settings, Spool};
use tokio::sync::watch;

fn emulator() -> Option<String> {
    let url = std::env::var("INSIGHTD_TEST_AWS").ok();
    if url.is_none() {
        eprintln!("SKIPPED: INSIGHTD_TEST_AWS is not set; `make test-aws` starts an emulator and sets it");
    }
    url
}

async fn config(url: &str) -> aws_config::SdkConfig {
    let settings = AwsSettings {
        region: Some("eu-central-1".into()),
        endpoint_url: Some(url.into()),
        timeout: Duration::from_secs(10),
        ..AwsSettings::default()
    };
    load(&settings).await.unwrap()
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn destination(test: &str) -> Destination {
    Destination {
        group: format!("/aws/containerinsights/{test}-{}/performance", now_ms()),
        stream: "node-1".into(),
    }
}

async fn stored(client: &Client, destination: &Destination) -> Vec<(i64, String)> {
    let (mut events, mut token) = (Vec::new(), None);
    loop {
        let request = client.get_log_events().start_from_head(true);
        let request = request.log_group_name(&destination.group).log_stream_name(&destination.stream);
        let page = request.set_next_token(token.clone()).send().await.unwrap();
        let found = page.events();
        events.extend(found.iter().map(|e| (e.timestamp().unwrap(), e.message().unwrap().to_owned())));
        if found.is_empty() {
            return events;
        }
        token = page.next_forward_token().map(str::to_owned);
    }
}

#[tokio::test]
async fn events_arrive_as_they_were_produced() {
    let Some(url) = emulator() else { return };
    let config = config(&url).await;
    let there = destination("arrive");
    let group = GroupSettings {
        retention_days: Some(7),
        tags: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
        kms_key: None,
    };
    let settings = LogsSettings { group, ..LogsSettings::default() };
    let directory = tempfile::tempdir().unwrap();
    let outbox = Outbox::new(
        Spool::open(Settings::in_folder(directory.path().join("logs")), now_ms()),
        Arc::new(Status::new("logs")),
    )
    .unwrap();
    let (stop, stopped) = watch::channel(false);
    let logs = Arc::new(Logs::new(&config, settings));
    let task = tokio::spawn(run(outbox.clone(), logs, 2, fastrand::Rng::new(), stopped));

    let start = now_ms();
    let mut produced = Vec::new();
    for tick in 0..5_u64 {
        let time = start + tick;
        let event =
            |n: u64| format!(r#"{{"Type":"Pod","n":{n},"text":"ü\" \\ {}"}}"#, "x".repeat(n as usize));
        let mut open = Open::new(&there, time, &event(0));
        produced.push((time as i64, event(0)));
        for n in 1..200 {
            assert!(open.push(time, &event(n)));
            produced.push((time as i64, event(n)));
        }
        let body = open.finish();
        let key = there.key();
        let block = NewBlock { key: &key, events: body.events, time_unix_ms: time, body: &body.gzip };
        outbox.put(&block).unwrap();
        outbox.end_tick(time);
    }
    for _ in 0..300 {
        if outbox.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(outbox.is_empty(), "{:?} {:?}", outbox.stats(), outbox.status().snapshot().error);
    stop.send(true).unwrap();
    task.await.unwrap();

    let client = Client::new(&config);
    let mut found = stored(&client, &there).await;
    found.sort();
    produced.sort();
    assert_eq!(found.len(), 1000);
    assert_eq!(found, produced);
    let counts = outbox.counts();
    assert_eq!((counts.accepted_requests, counts.accepted_events), (5, 1000));
    let groups = client.describe_log_groups().log_group_name_prefix(&there.group).send().await.unwrap();
    assert_eq!(groups.log_groups()[0].retention_in_days(), Some(7));
    let arn = groups.log_groups()[0].arn().unwrap().trim_end_matches(":*").to_owned();
    let tags = client.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert_eq!(tags.tags().and_then(|tags| tags.get("team")).map(String::as_str), Some("shop"));
}

fn body(there: &Destination, time: u64) -> Vec<u8> {
    Open::new(there, time, r#"{"a":1}"#).finish().gzip
}

#[tokio::test]
async fn two_that_create_the_same_stream_both_deliver() {
    let Some(url) = emulator() else { return };
    let config = config(&url).await;
    let there = destination("race");
    let mut tasks = Vec::new();
    for n in 0..8 {
        let logs = Logs::new(&config, LogsSettings::default());
        let there = there.clone();
        let time = now_ms() + n;
        tasks.push(tokio::spawn(async move {
            for _ in 0..5 {
                match logs.send(&there.key(), 1, body(&there, time)).await {
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
    assert_eq!(stored(&Client::new(&config), &there).await.len(), 8);
}

#[tokio::test]
async fn what_may_not_be_created_is_said() {
    let Some(url) = emulator() else { return };
    let config = config(&url).await;
    let there = destination("missing");
    for create in [Create::Nothing, Create::Stream] {
        let logs = Logs::new(&config, LogsSettings { create, ..LogsSettings::default() });
        match logs.send(&there.key(), 1, body(&there, now_ms())).await {
            Reply::NotNow { only_destination: true, error, .. } => {
                assert!(error.contains("does not exist") && error.contains(&there.group), "{error}");
            }
            other => panic!("{create:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn bodies_also_go_unpacked() {
    let Some(url) = emulator() else { return };
    let config = config(&url).await;
    let there = destination("plain");
    let logs = Logs::new(&config, LogsSettings { plain: true, ..LogsSettings::default() });
    let time = now_ms();
    assert_eq!(logs.send(&there.key(), 1, body(&there, time)).await, Reply::Created);
    assert!(matches!(logs.send(&there.key(), 1, body(&there, time)).await, Reply::Accepted(_)));
    assert_eq!(stored(&Client::new(&config), &there).await, [(time as i64, r#"{"a":1}"#.to_owned())]);
}
