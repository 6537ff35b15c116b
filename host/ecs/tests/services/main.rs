//! Tests of the requests to the ECS API, against a server that follows the documented shapes, and against moto.
#![allow(clippy::unwrap_used, reason = "tests")]

mod moto;
#[path = "../../../aws/tests/faults/proxy.rs"]
#[allow(dead_code, reason = "shared with the tests of delivery")]
mod proxy;
#[path = "../endpoints/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the endpoints")]
mod server;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::Builder;
use insightd_aws::operation::ApiError;
use insightd_aws::sdk::Access;
use insightd_ecs::introspection::IntrospectionSettings;
use insightd_ecs::services::{Client, ServiceSettings, ServiceWatch};
use insightd_ecs::{EcsSettings, EcsWatch};
use insightd_upstream::UpstreamStatus;

use server::{Response, Server};

/// Longer than any response of these tests takes, on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Returns a configuration for a server on this machine, without environment and TLS.
fn config(url: &str) -> SdkConfig {
    let credentials = Credentials::new("AKIATEST", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(url)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Builder::new().build_http())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .build()
}

fn arn(id: usize) -> String {
    format!("arn:aws:ecs:us-west-2:111122223333:task/shop/{}", task_id(id))
}

/// Returns a task id as those of ECS: 32 hexadecimal digits.
fn task_id(id: usize) -> String {
    format!("{id:032x}")
}

/// Returns a list of tasks as the ECS agent does; the tasks of `stopped` have ended.
fn listed(ids: impl Iterator<Item = usize>, stopped: &[usize]) -> String {
    let task = |id| {
        let status = if stopped.contains(&id) { "STOPPED" } else { "RUNNING" };
        format!(r#"{{"Arn": "{}", "KnownStatus": "{status}"}}"#, arn(id))
    };
    format!("{{\"Tasks\": [{}]}}", ids.map(task).collect::<Vec<_>>().join(","))
}

/// Returns a response of DescribeTasks.
fn described(ids: impl Iterator<Item = usize>) -> String {
    let task = |id| format!(r#"{{"taskArn": "{}", "group": "service:s{id}", "launchType": "EC2"}}"#, arn(id));
    format!("{{\"failures\": [], \"tasks\": [{}]}}", ids.map(task).collect::<Vec<_>>().join(","))
}

fn refusal(code: &str) -> Response {
    Response::Reply(400, format!(r#"{{"__type": "{code}", "message": "no"}}"#))
}

async fn agent(tasks: impl Fn(usize) -> String + Send + 'static) -> (Server, EcsWatch) {
    let polls = AtomicUsize::new(0);
    let server = Server::start(move |path| match path {
        "/v1/tasks" => Response::ok(tasks(polls.fetch_add(1, Ordering::Relaxed))),
        _ => Response::ok(r#"{"Cluster": "shop", "Version": "v"}"#),
    })
    .await;
    let introspection = IntrospectionSettings {
        endpoint: Some(server.url.clone()),
        timeout: LONG,
        ..IntrospectionSettings::default()
    };
    let watch = EcsWatch::start(EcsSettings { introspection, interval: 4 * LONG }).unwrap();
    (server, watch)
}

fn start(api: &Server, watch: &EcsWatch, min_interval: Duration) -> ServiceWatch {
    ServiceWatch::start(ServiceSettings { min_interval, ..settings(config(&api.url)) }, watch)
}

/// Returns settings that repeat requests at once, except denied ones.
fn settings(config: SdkConfig) -> ServiceSettings {
    ServiceSettings {
        access: Access::Ready(Box::new(config)),
        min_interval: Duration::from_millis(1),
        denied_interval: LONG,
        start_jitter: Duration::ZERO,
    }
}

/// Returns the configuration with each request sent once, so that the SDK does not repeat it.
fn without_retries(config: SdkConfig) -> SdkConfig {
    config.into_builder().retry_config(RetryConfig::disabled()).build()
}

/// Waits until `is_done` returns true. There is no timeout here: a test that waits forever is ended by its runner.
async fn until(mut is_done: impl FnMut() -> bool) {
    while !is_done() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_request_follows_the_protocol() {
    let api = Server::start(|_| Response::ok(described(0..1))).await;
    let client = Client::new(&config(&api.url)).unwrap();
    let status = UpstreamStatus::new("ecs-api");
    let found = client.describe("shop", &[&arn(0), &arn(1)], &status).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[&*task_id(0)].service.as_deref(), Some("s0"));
    let requests = api.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
    let head = head.to_ascii_lowercase();
    assert!(head.contains("x-amz-target: amazonec2containerservicev20141113.describetasks"), "{head}");
    assert!(head.contains("content-type: application/x-amz-json-1.1"), "{head}");
    assert!(head.contains("/eu-central-1/ecs/aws4_request"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, serde_json::json!({"cluster": "shop", "tasks": [arn(0), arn(1)]}));
}

#[tokio::test]
async fn errors_are_explained() {
    for (response, wanted) in [
        (refusal("AccessDeniedException"), "grant `ecs:DescribeTasks`"),
        (refusal("ThrottlingException"), "ECS throttles this account (ThrottlingException)"),
        (refusal("UnrecognizedClientException"), "ECS rejected the agent's credentials"),
        (refusal("ClusterNotFoundException"), "ecs:DescribeTasks: ClusterNotFoundException: no"),
        (Response::Reply(500, "<html>".into()), "ecs:DescribeTasks: status 500"),
        (Response::ok("<html>"), "not a complete JSON document"),
        (Response::ok("{}"), "not a response of DescribeTasks"),
        (Response::Half(described(0..9)), "ecs:DescribeTasks"),
        (Response::Endless, "length limit exceeded"),
    ] {
        let api = Server::start(move |_| response.clone()).await;
        let client = Client::new(&without_retries(config(&api.url))).unwrap();
        let error = client.describe("shop", &["a"], &UpstreamStatus::new("ecs-api")).await.unwrap_err();
        assert!(error.to_string().contains(wanted), "{wanted}: {error}");
        assert_eq!(error.is_denied(), matches!(error, ApiError::Denied { .. }));
    }
}

#[tokio::test]
async fn each_running_task_is_requested_once() {
    let (_server, watch) = agent(|_| listed(0..151, &[7])).await;
    let requests = AtomicUsize::new(0);
    let api = Server::start(move |_| match requests.fetch_add(1, Ordering::Relaxed) {
        // The API does not know task 5.
        0 => Response::ok(described((0..101).filter(|id| ![5, 7].contains(id)))),
        _ => Response::ok(described(101..151)),
    })
    .await;
    let services = start(&api, &watch, Duration::from_millis(1));
    // The API may know a task later than the agent that starts it.
    until(|| {
        watch.request();
        services.origins().len() == 150
    })
    .await;
    let origins = services.origins();
    assert_eq!(origins[&*task_id(150)].service.as_deref(), Some("s150"));
    assert_eq!((&origins[&*task_id(5)].service, origins.get(&*task_id(7))), (&None, None));
    let batches: Vec<usize> =
        api.requests().iter().map(|request| request.matches("task/shop/").count()).collect();
    assert_eq!(batches, [100, 50, 1, 1, 1, 1]);
    assert!(!api.requests().concat().contains(&arn(7)), "it has ended");
    // Further polls have no unknown tasks.
    for _ in 0..3 {
        let polls = watch.status().snapshot().requests;
        watch.request();
        until(|| watch.status().snapshot().requests >= polls + 2).await;
    }
    assert_eq!(services.status().snapshot().requests, 6);
}

#[tokio::test]
async fn a_rejected_request_does_not_keep_back_the_others() {
    let (_server, watch) = agent(|_| listed(0..250, &[])).await;
    let requests = AtomicUsize::new(0);
    let api = Server::start(move |_| match requests.fetch_add(1, Ordering::Relaxed) {
        1 => Response::ok(described(100..200)),
        2 => Response::ok(described(200..250)),
        _ => refusal("InvalidParameterException"),
    })
    .await;
    let services = start(&api, &watch, LONG);
    until(|| services.status().snapshot().errors == 1).await;
    assert_eq!(services.origins().len(), 150);
    let snapshot = services.status().snapshot();
    assert!(snapshot.error.is_some_and(|error| error.contains("InvalidParameterException")));
    assert_eq!(snapshot.requests, 3);
}

#[tokio::test]
async fn tasks_that_are_gone_are_forgotten_and_new_ones_requested() {
    let (_server, watch) =
        agent(|polls| if polls == 0 { listed(0..2, &[]) } else { listed(1..3, &[]) }).await;
    let requests = AtomicUsize::new(0);
    let api = Server::start(move |_| match requests.fetch_add(1, Ordering::Relaxed) {
        0 => Response::ok(described(0..2)),
        _ => Response::ok(described(2..3)),
    })
    .await;
    let services = start(&api, &watch, Duration::from_millis(1));
    until(|| services.origins().len() == 2).await;
    watch.request();
    until(|| services.origins().contains_key(&*task_id(2))).await;
    let mut ids: Vec<String> = services.origins().keys().map(|id| id.to_string()).collect();
    ids.sort();
    assert_eq!(ids, [task_id(1), task_id(2)]);
    assert!(!api.requests()[1].contains(&arn(1)), "known");
}

#[tokio::test]
async fn failures_are_repeated_and_denials_are_not() {
    for (code, is_repeated) in [("ThrottlingException", true), ("AccessDeniedException", false)] {
        let (_server, watch) = agent(|_| listed(0..1, &[])).await;
        let api = Server::start(move |_| refusal(code)).await;
        let services = ServiceWatch::start(settings(without_retries(config(&api.url))), &watch);
        let errors = || services.status().snapshot().errors;
        until(|| errors() == 1).await;
        if is_repeated {
            until(|| {
                watch.request();
                errors() >= 3
            })
            .await;
        } else {
            for polls in 2..5 {
                watch.request();
                until(|| watch.status().snapshot().requests >= 2 * polls).await;
            }
            assert_eq!(errors(), 1, "{code}");
        }
        assert!(services.origins().is_empty());
    }
}
