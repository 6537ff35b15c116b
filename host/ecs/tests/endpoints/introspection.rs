//! Tests of the client.

use std::time::Duration;

use insightd_ecs::introspection::{Introspection, IntrospectionError, IntrospectionSettings};
use insightd_ecs::{Instance, TaskList};
use insightd_upstream::UpstreamStatus;

use crate::server::{Response, Server};
use crate::{agent, tasks};

/// Longer than any response of these tests takes, on a busy machine.
const LONG: Duration = Duration::from_secs(30);

fn client(server: &Server, timeout: Duration) -> Introspection {
    let endpoint = Some(server.url.clone());
    Introspection::new(IntrospectionSettings { endpoint, timeout, ..IntrospectionSettings::default() })
        .unwrap()
}

async fn list(server: &Server, timeout: Duration) -> Result<TaskList, IntrospectionError> {
    client(server, timeout).tasks(&UpstreamStatus::new("ecs")).await
}

#[tokio::test]
async fn the_documented_responses_are_read() {
    let server = Server::start(agent).await;
    let status = UpstreamStatus::new("ecs");
    let mut client = client(&server, LONG);
    let (instance, problems) = client.instance(&status).await.unwrap();
    assert_eq!(
        instance,
        Instance {
            cluster: Some("default".into()),
            container_instance_id: Some("1f73d099-b914-411c-a9ff-81633b7741dd".into()),
            agent_version: Some("Amazon ECS Agent - v1.30.0 (02ff320c)".into()),
        }
    );
    assert!(problems.is_empty());
    let list = client.tasks(&status).await.unwrap();
    let ids: Vec<&str> = list.tasks.iter().map(|task| &*task.id).collect();
    assert_eq!(ids, ["00000000000000000000000000000000", "00000000000000000000000000000001"]);
    assert_eq!(server.paths(), ["/v1/metadata", "/v1/tasks"]);
    let head = server.requests()[1].to_ascii_lowercase();
    assert!(head.contains(&format!("host: {}\r\n", server.url.trim_start_matches("http://"))), "{head}");
    let snapshot = status.snapshot();
    assert_eq!(snapshot.requests, 2);
    assert_eq!(snapshot.bytes, (crate::METADATA.len() + tasks(2).len()) as u64);
}

#[tokio::test]
async fn a_thousand_tasks_are_read() {
    let server = Server::start(|_| Response::ok(tasks(1000))).await;
    let list = list(&server, LONG).await.unwrap();
    assert_eq!(list.tasks.len(), 1000);
    assert!(list.problems.is_empty());
    assert_eq!(&*list.tasks[999].containers[0].name, "mysql");
}

#[tokio::test]
async fn unusable_responses_are_explained() {
    let whole = tasks(2);
    for (response, wanted) in [
        (Response::Reply(500, whole.clone()), "unexpected status 500"),
        (Response::Reply(404, String::new()), "unexpected status 404"),
        (Response::Reply(204, String::new()), "unexpected status 204"),
        (Response::Half(whole.clone()), "the connection was closed before the end of the response"),
        (Response::Garbage, "not an HTTP response"),
        (Response::ok("<html>"), "not a complete JSON document"),
        (Response::ok(&whole[..whole.len() - 1]), "not a complete JSON document"),
        (Response::ok(""), "not a complete JSON document"),
        (Response::ok("{}"), "not the ECS agent's list of tasks"),
        (Response::ok(format!("{{\"Tasks\":\"{}\"}}", "x".repeat(6 << 20))), "exceeds 5242880 bytes"),
        (Response::Endless, "exceeds 5242880 bytes"),
    ] {
        let server = Server::start(move |_| response.clone()).await;
        let error = list(&server, LONG).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{wanted}: {error}");
        assert!(error.contains(&server.url) && error.contains("/v1/tasks"), "{error}");
        assert!(error.contains("check that the ECS agent runs"), "{error}");
    }
}

#[tokio::test]
async fn slow_responses_are_abandoned() {
    let slow = Response::Slow(LONG, tasks(1));
    for response in [Response::Silence, slow] {
        let server = Server::start(move |_| response.clone()).await;
        let error = list(&server, Duration::from_millis(50)).await.unwrap_err().to_string();
        assert!(error.contains("no complete response within 0.05 s"), "{error}");
    }
    let server = Server::start(|_| Response::Slow(Duration::from_millis(20), tasks(1))).await;
    assert_eq!(list(&server, LONG).await.unwrap().tasks.len(), 1);
}

/// A redirect would make a root process read from another server.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start(agent).await;
    let location = format!("{}/v1/tasks", elsewhere.url);
    let server = Server::start(move |_| Response::Redirect(location.clone())).await;
    let error = list(&server, LONG).await.unwrap_err().to_string();
    assert!(error.contains("unexpected status 302"), "{error}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_closed_port_is_explained() {
    let server = Server::start(agent).await;
    let gone = client(&server, LONG);
    drop(server);
    tokio::task::yield_now().await;
    let mut gone = gone;
    let error = gone.tasks(&UpstreamStatus::new("ecs")).await.unwrap_err().to_string();
    assert!(error.contains("connection refused"), "{error}");
}

/// Loopback addresses come first, then those of the instance; all have the agent's port.
#[tokio::test]
async fn the_first_address_that_responds_is_kept_until_it_fails() {
    let address = |host: &str| format!("{host}:51678").parse().unwrap();
    let (first, second) = ("127.51.67.81", "127.51.67.82");
    let mut fails = false;
    let one = Server::bind(address(first), move |path| {
        fails |= path == "/v1/metadata";
        if fails { Response::Reply(500, String::new()) } else { agent(path) }
    })
    .await;
    let two = Server::bind(address(second), agent).await;
    let addresses = vec![first.parse().unwrap(), second.parse().unwrap()];
    let settings = IntrospectionSettings { addresses, timeout: LONG, ..IntrospectionSettings::default() };
    let mut client = Introspection::new(settings).unwrap();
    let status = UpstreamStatus::new("ecs");
    client.tasks(&status).await.unwrap();
    client.tasks(&status).await.unwrap();
    assert_eq!(client.address().as_deref(), Some(one.url.as_str()));
    assert_eq!((one.requests().len(), two.requests().len()), (2, 0));

    let error = client.instance(&status).await.unwrap_err().to_string();
    assert!(error.contains("unexpected status 500") && !error.contains(second), "{error}");
    assert_eq!(client.address(), None);
    client.tasks(&status).await.unwrap();
    assert_eq!(client.address().as_deref(), Some(two.url.as_str()), "a new search");
}
