//! Tests of the task metadata endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use insightd_ecs::metadata::{Metadata, MetadataSettings};
use insightd_ecs::{TaskSettings, TaskWatch};
use insightd_upstream::UpstreamStatus;

use crate::server::{Response, Server};

/// Longer than any response of these tests takes, on a busy machine.
const LONG: Duration = Duration::from_secs(30);

const TASK: &str = r#"{"Cluster":"arn:aws:ecs:us-east-1:123456789012:cluster/MyEmptyCluster",
    "TaskARN":"arn:aws:ecs:us-east-1:123456789012:task/MyEmptyCluster/bfa2636268144d039771334145e490c5",
    "Family":"sample-fargate","Containers":[{"DockerId":"d","Name":"curl-image"}]"#;

const STATS: &str = r#"{"d": {"read": "2020-10-08T21:24:44.938937019Z"}, "e": null}"#;

fn endpoint(path: &str) -> Response {
    match path {
        "/v4/ID/task" => Response::ok(format!("{TASK}}}")),
        "/v4/ID/taskWithTags" => Response::ok(format!("{TASK},\"TaskTags\":{{\"Team\":\"shop\"}}}}")),
        "/v4/ID/task/stats" => Response::ok(STATS),
        _ => Response::Reply(404, String::new()),
    }
}

fn settings(server: &Server, tags: bool) -> MetadataSettings {
    MetadataSettings { uri: format!("{}/v4/ID", server.url), timeout: LONG, tags }
}

#[tokio::test]
async fn task_and_statistics_are_read() {
    let server = Server::start(endpoint).await;
    let status = UpstreamStatus::new("task-metadata");
    let mut client = Metadata::new(&settings(&server, false)).unwrap();
    let metadata = client.task(&status).await.unwrap();
    assert_eq!(metadata.cluster.as_deref(), Some("MyEmptyCluster"));
    assert_eq!(metadata.task.family.as_deref(), Some("sample-fargate"));
    let stats = client.stats(&status).await.unwrap();
    assert_eq!(stats.containers.iter().map(|stats| &*stats.docker_id).collect::<Vec<_>>(), ["d"]);
    assert_eq!(server.paths(), ["/v4/ID/task", "/v4/ID/task/stats"]);
    assert_eq!(status.snapshot().requests, 2);
}

/// Each request for tags calls the ECS API.
#[tokio::test]
async fn tags_are_requested_once_and_kept() {
    let server = Server::start(endpoint).await;
    let status = UpstreamStatus::new("task-metadata");
    let mut client = Metadata::new(&settings(&server, true)).unwrap();
    for _ in 0..3 {
        let metadata = client.task(&status).await.unwrap();
        assert_eq!(metadata.task.tags, [("Team".into(), "shop".into())]);
    }
    assert_eq!(server.paths(), ["/v4/ID/taskWithTags", "/v4/ID/task", "/v4/ID/task"]);
}

#[tokio::test]
async fn a_task_without_tags_is_not_lost() {
    let errors = r#""Errors":[{"ErrorField":"TaskTags","ErrorCode":"AccessDeniedException"}]"#;
    for response in [
        Response::ok(format!("{TASK},{errors}}}")),
        Response::Reply(500, String::new()),
        Response::Half(TASK.into()),
    ] {
        let server = Server::start(move |path| match path {
            "/v4/ID/taskWithTags" => response.clone(),
            other => endpoint(other),
        })
        .await;
        let status = UpstreamStatus::new("task-metadata");
        let mut client = Metadata::new(&settings(&server, true)).unwrap();
        for _ in 0..2 {
            let metadata = client.task(&status).await.unwrap();
            assert_eq!(metadata.task.family.as_deref(), Some("sample-fargate"));
            assert!(metadata.task.tags.is_empty());
        }
        assert_eq!(server.paths(), ["/v4/ID/taskWithTags", "/v4/ID/task", "/v4/ID/task"], "tried later");
    }
}

#[tokio::test]
async fn errors_name_the_address_and_the_remedy() {
    let server = Server::start(|_| Response::Reply(404, String::new())).await;
    let status = UpstreamStatus::new("task-metadata");
    let mut client = Metadata::new(&settings(&server, false)).unwrap();
    let error = client.task(&status).await.unwrap_err().to_string();
    assert!(error.contains(&format!("{}/v4/ID/task", server.url)), "{error}");
    assert!(error.contains("unexpected status 404") && error.contains("platform version 1.4.0"), "{error}");
    let error = client.stats(&status).await.unwrap_err().to_string();
    assert!(error.contains("/v4/ID/task/stats"), "{error}");
}

#[tokio::test]
async fn statistics_are_absent_while_they_fail() {
    let requests = AtomicUsize::new(0);
    let server = Server::start(move |path| match requests.fetch_add(1, Ordering::Relaxed) {
        2 | 3 => Response::Reply(500, String::new()),
        _ => endpoint(path),
    })
    .await;
    let settings = TaskSettings { metadata: settings(&server, false), interval: 4 * LONG };
    let watch = Arc::new(TaskWatch::start(&settings).unwrap());
    assert!(watch.data().is_none());
    let worker = Arc::clone(&watch);
    let tick = move || {
        let first = worker.wait().unwrap();
        assert!(first.stats.is_some() && first.metadata_error.is_none() && first.stats_error.is_none());
        worker.request();
        let second = worker.wait().unwrap();
        assert!(second.metadata.is_some() && second.metadata_error.is_some(), "a task keeps its facts");
        assert_eq!(second.metadata, first.metadata);
        assert!(second.stats.is_none() && second.stats_error.is_some());
        worker.request();
        let third = worker.wait().unwrap();
        assert!(third.stats.is_some() && third.metadata_error.is_none() && third.stats_error.is_none());
    };
    tokio::task::spawn_blocking(tick).await.unwrap();
    let snapshot = watch.status().snapshot();
    assert_eq!((snapshot.requests, snapshot.errors, snapshot.failures_in_a_row), (6, 1, 0));
}
