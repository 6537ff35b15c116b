//! Requests to the ECS API of moto, which knows clusters, task definitions and tasks.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use insightd_aws::sdk::Access;
use insightd_ecs::services::{ServiceSettings, ServiceWatch};

use crate::{agent, config, until};

/// Returns the address of moto's server; `None`, with a message, if none is configured.
fn server() -> Option<String> {
    let url = std::env::var("INSIGHTD_TEST_AWS").ok().filter(|url| !url.is_empty());
    if url.is_none() {
        eprintln!("SKIPPED: INSIGHTD_TEST_AWS has no address of a moto server (`make test-aws` starts one)");
    }
    url
}

/// Calls an operation of the API. moto takes service and region from the signature, and does not verify it.
async fn call(url: &str, operation: &str, body: &Value) -> Value {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let body = body.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-central-1/ecs/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\
         x-amz-target: AmazonEC2ContainerServiceV20141113.{operation}\r\n\
         content-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{operation}: {response}");
    serde_json::from_str(body).unwrap()
}

/// Starts tasks of the group, and returns their ARNs. The API starts at most ten at a time.
async fn run_tasks(url: &str, cluster: &str, group: &str, count: usize) -> Vec<String> {
    let mut arns = Vec::new();
    while arns.len() < count {
        let request = json!({
            "cluster": cluster, "taskDefinition": "shop", "launchType": "FARGATE", "group": group,
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
    let Some(url) = server() else { return };
    call(&url, "CreateCluster", &json!({"clusterName": "shop"})).await;
    let definition = json!({
        "family": "shop",
        "containerDefinitions": [{"name": "app", "image": "busybox", "memory": 64}],
    });
    call(&url, "RegisterTaskDefinition", &definition).await;
    let web = run_tasks(&url, "shop", "service:web", 103).await;
    let alone = run_tasks(&url, "shop", "family:shop", 1).await;
    let (unknown, _) = alone[0].rsplit_once('/').unwrap();
    let unknown = format!("{unknown}/{}", "0".repeat(32));
    let tasks: Vec<Value> = web
        .iter()
        .chain(&alone)
        .chain([&unknown])
        .map(|arn| json!({"Arn": arn, "KnownStatus": "RUNNING"}))
        .collect();
    let listed = json!({"Tasks": tasks}).to_string();
    let (_server, watch) = agent(move |_| listed.clone()).await;
    let access = Access::Ready(Box::new(config(&url)));
    let min_interval = Duration::from_millis(1);
    let settings = ServiceSettings { access, min_interval, start_jitter: Duration::ZERO };
    let services = ServiceWatch::start(settings, &watch);
    until(|| services.status().snapshot().requests >= 2).await;
    until(|| services.origins().len() >= web.len() + alone.len()).await;
    let origins = services.origins();
    let service = |arn: &String| origins[arn.rsplit('/').next().unwrap()].service.clone();
    assert!(web.iter().all(|arn| service(arn).as_deref() == Some("web")));
    assert_eq!(service(&alone[0]), None, "no service started it");
    assert_eq!(services.status().snapshot().error, None);
}
