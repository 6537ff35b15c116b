//! Tests of the background task, read as a worker thread reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use insightd_ecs::introspection::IntrospectionSettings;
use insightd_ecs::{EcsSettings, EcsWatch};

use crate::server::{Response, Server};
use crate::{METADATA, agent, tasks};

/// Longer than any response of these tests takes, on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Runs `tick` on a thread of its own, as the agent does.
async fn on_worker<T: Send + 'static>(tick: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(tick).await.unwrap()
}

fn start(server: &Server) -> Arc<EcsWatch> {
    let endpoint = Some(server.url.clone());
    let introspection = IntrospectionSettings { endpoint, timeout: LONG, ..IntrospectionSettings::default() };
    Arc::new(EcsWatch::start(EcsSettings { introspection, interval: 4 * LONG }).unwrap())
}

#[tokio::test]
async fn a_tick_gets_the_tasks_that_it_requested() {
    let polls = AtomicUsize::new(0);
    let server = Server::start(move |path| match path {
        "/v1/tasks" => Response::ok(tasks(polls.fetch_add(1, Ordering::Relaxed) + 1)),
        other => agent(other),
    })
    .await;
    let watch = start(&server);
    assert!(watch.data().is_none());
    for ticks in 1..=3 {
        let watch = Arc::clone(&watch);
        on_worker(move || {
            if ticks > 1 {
                watch.request();
            }
            let data = watch.wait().unwrap();
            assert_eq!(data.tasks.as_ref().unwrap().tasks.len(), ticks);
            assert!(data.tasks_read_at.is_some() && data.tasks_error.is_none());
            assert_eq!(data.instance.cluster.as_deref(), Some("default"));
        })
        .await;
    }
    assert_eq!(
        server.paths().iter().filter(|path| *path == "/v1/metadata").count(),
        1,
        "known since the first"
    );
    let snapshot = watch.status().snapshot();
    assert_eq!((snapshot.requests, snapshot.errors), (4, 0));
}

#[tokio::test]
async fn the_last_tasks_are_kept_and_the_error_is_named() {
    let requests = AtomicUsize::new(0);
    let server = Server::start(move |path| match requests.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => agent(path),
        2 | 3 => Response::Reply(500, String::new()),
        _ => Response::ok(r#"{"Tasks": [{"Arn": "x"}]}"#),
    })
    .await;
    let watch = start(&server);
    let worker = Arc::clone(&watch);
    on_worker(move || {
        let first = worker.wait().unwrap();
        for _ in 0..2 {
            worker.request();
            let data = worker.wait().unwrap();
            assert_eq!(data.tasks.as_ref().unwrap().tasks.len(), 2);
            assert_eq!(data.tasks_read_at, first.tasks_read_at);
            let error = data.tasks_error.as_deref().unwrap();
            assert!(
                error.starts_with("failing since 20") && error.contains("unexpected status 500"),
                "{error}"
            );
        }
        worker.request();
        let data = worker.wait().unwrap();
        assert_eq!(data.tasks_error, None);
        let list = data.tasks.as_ref().unwrap();
        assert_eq!((list.tasks.len(), list.problems.rows), (0, 1));
    })
    .await;
    let snapshot = watch.status().snapshot();
    assert_eq!((snapshot.errors, snapshot.failures_in_a_row, snapshot.left_out), (2, 0, 1));
}

/// The agent has no id until it has registered, and none for some seconds after its restart.
#[tokio::test]
async fn the_instance_is_requested_until_it_is_known() {
    let requests = AtomicUsize::new(0);
    let server = Server::start(move |path| match path {
        "/v1/metadata" => match requests.fetch_add(1, Ordering::Relaxed) {
            0 => Response::Reply(503, String::new()),
            1 => Response::ok(r#"{"Cluster": "default", "ContainerInstanceArn": null, "Version": "v"}"#),
            _ => Response::ok(METADATA),
        },
        _ => Response::ok(r#"{"Tasks": null}"#),
    })
    .await;
    let watch = start(&server);
    on_worker(move || {
        let data = watch.wait().unwrap();
        assert!(data.instance_error.as_deref().unwrap().contains("/v1/metadata"));
        assert_eq!(data.tasks.as_ref().unwrap().tasks.len(), 0, "an error of one does not affect the other");
        assert_eq!(watch.status().snapshot().failures_in_a_row, 1);
        let mut ids = Vec::new();
        for _ in 0..3 {
            watch.request();
            let data = watch.wait().unwrap();
            assert_eq!(data.instance_error, None);
            ids.push(data.instance.container_instance_id.clone());
        }
        assert_eq!(ids[0], None);
        assert_eq!(ids[1].as_deref(), Some("1f73d099-b914-411c-a9ff-81633b7741dd"));
        assert_eq!(ids[2], ids[1]);
    })
    .await;
    let paths = server.paths();
    assert_eq!(paths.iter().filter(|path| *path == "/v1/metadata").count(), 3);
}
