//! Requests to the ECS API of moto, which knows clusters, task definitions and tasks.

mod denied;
mod throttled;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use insightd_ecs::EcsWatch;
use insightd_ecs::services::ServiceWatch;

use crate::server::Server;
use crate::{agent, config, settings, until};

/// The cluster of the instance that the ECS agent describes: tasks of others are not requested.
const CLUSTER: &str = "shop";

/// Returns the address of a moto server from the environment; `None`, with a message, if none is configured.
fn server(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        eprintln!("SKIPPED: {variable} has no address of a moto server (`make test-aws` starts one)");
    }
    url
}

/// Sends a request and returns the body of its response.
async fn post(url: &str, path: &str, head: &str, body: &str) -> String {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{head}content-length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{request}: {response}");
    body.to_owned()
}

/// Returns a header with a signature. moto takes service and region from it, and verifies it only if it enforces IAM.
fn signature(service: &str) -> String {
    format!(
        "authorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-central-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=0\r\n"
    )
}

/// Calls an operation of the ECS API.
async fn call(url: &str, operation: &str, body: &Value) -> Value {
    let head = format!(
        "{}x-amz-target: AmazonEC2ContainerServiceV20141113.{operation}\r\ncontent-type: application/x-amz-json-1.1\r\n",
        signature("ecs")
    );
    serde_json::from_str(&post(url, "/", &head, &body.to_string()).await).unwrap()
}

/// Creates the cluster and a task definition.
async fn create_cluster(url: &str) {
    call(url, "CreateCluster", &json!({"clusterName": CLUSTER})).await;
    let definition = json!({
        "family": "shop",
        "containerDefinitions": [{"name": "app", "image": "busybox", "memory": 64}],
    });
    call(url, "RegisterTaskDefinition", &definition).await;
}

/// Starts the watch of an ECS agent that lists these tasks as running.
async fn watch_of<'a>(arns: impl IntoIterator<Item = &'a String>) -> (Server, EcsWatch) {
    let tasks: Vec<Value> =
        arns.into_iter().map(|arn| json!({"Arn": arn, "KnownStatus": "RUNNING"})).collect();
    let listed = json!({"Tasks": tasks}).to_string();
    agent(move |_| listed.clone()).await
}

/// Returns the service of a task, if the ECS API has been asked.
fn service(services: &ServiceWatch, arn: &str) -> Option<String> {
    services.origins().get(arn.rsplit('/').next().unwrap())?.service.as_deref().map(str::to_owned)
}

/// Starts tasks of the group, and returns their ARNs. The API starts at most ten at a time.
async fn run_tasks(url: &str, group: &str, count: usize) -> Vec<String> {
    let mut arns = Vec::new();
    while arns.len() < count {
        let request = json!({
            "cluster": CLUSTER, "taskDefinition": "shop", "launchType": "FARGATE", "group": group,
            "count": (count - arns.len()).min(10),
        });
        let response = call(url, "RunTask", &request).await;
        let tasks = response["tasks"].as_array().unwrap();
        assert!(!tasks.is_empty(), "{response}");
        arns.extend(tasks.iter().map(|task| task["taskArn"].as_str().unwrap().to_owned()));
    }
    arns
}

#[tokio::test]
async fn the_services_of_all_tasks_are_found() {
    let Some(url) = server("INSIGHTD_TEST_AWS") else { return };
    create_cluster(&url).await;
    let web = run_tasks(&url, "service:web", 103).await;
    let alone = run_tasks(&url, "family:shop", 1).await;
    let (unknown, _) = alone[0].rsplit_once('/').unwrap();
    let unknown = format!("{unknown}/{}", "0".repeat(32));
    let (_server, watch) = watch_of(web.iter().chain(&alone).chain([&unknown])).await;
    let services = ServiceWatch::start(settings(config(&url)), &watch);
    until(|| services.status().snapshot().requests >= 2).await;
    until(|| services.origins().len() >= web.len() + alone.len()).await;
    assert!(web.iter().all(|arn| service(&services, arn).as_deref() == Some("web")));
    assert_eq!(service(&services, &alone[0]), None, "no service started it");
    assert_eq!(services.status().snapshot().error, None);
}
