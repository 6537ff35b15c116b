//! Tests of instance metadata as documented by EC2: a token by PUT, then the document by GET with the token.

use std::time::{Duration, Instant};

use insightd_instance::imds::{Imds, ImdsError};

use crate::server::{Request, Response, Server};

const TOKEN: &str = "AQAEAFTNrA4eEGx0AQgJ1arIq_Cc-t4tWt3fB0Hd8RKhXlKc5ccvhg==";

pub(crate) const DOCUMENT: &str = r#"{"accountId":"123456789012","architecture":"x86_64",
"availabilityZone":"us-west-2b","imageId":"ami-5fb8c835","instanceId":"i-1234567890abcdef0",
"instanceType":"m5.large","privateIp":"10.158.112.84","region":"us-west-2","version":"2017-09-30"}"#;

/// Implements the protocol; returns 404 for any path other than the document's.
pub(crate) fn metadata(request: &Request) -> Response {
    match (request.method.as_str(), request.path.as_str()) {
        ("PUT", "/latest/api/token") => match request.header("x-aws-ec2-metadata-token-ttl-seconds") {
            Some(_) => Response::Reply(200, "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", TOKEN.into()),
            None => Response::Reply(400, "", String::new()),
        },
        ("GET", _) if request.header("x-aws-ec2-metadata-token") != Some(TOKEN) => {
            Response::Reply(401, "", String::new())
        }
        ("GET", "/latest/dynamic/instance-identity/document") => Response::Reply(200, "", DOCUMENT.into()),
        _ => Response::Reply(404, "", String::new()),
    }
}

async fn query(url: &str) -> Result<insightd_instance::Identity, ImdsError> {
    Imds::new(Some(url)).unwrap().identity().await.map(|(identity, _)| identity)
}

#[tokio::test]
async fn the_document_is_requested_with_a_token() {
    let server = Server::start(metadata).await;
    let identity = query(&server.url).await.unwrap();
    assert_eq!(
        (identity.instance_id.as_str(), identity.region.as_str()),
        ("i-1234567890abcdef0", "us-west-2")
    );
    assert_eq!(identity.zone.as_deref(), Some("us-west-2b"));
    let methods: Vec<String> = server.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["PUT", "GET"], "IMDSv2 only");
}

#[tokio::test]
async fn errors_contain_the_remedy() {
    for (status, on_token, expected) in [
        (403, true, ImdsError::Disabled),
        (403, false, ImdsError::Disabled),
        (404, true, ImdsError::NotFound),
        (404, false, ImdsError::NotFound),
        (500, true, ImdsError::Status(500)),
        (500, false, ImdsError::Status(500)),
    ] {
        let server = Server::start(move |request| {
            if on_token || request.method == "GET" {
                Response::Reply(status, "", String::new())
            } else {
                metadata(request)
            }
        })
        .await;
        assert_eq!(query(&server.url).await, Err(expected), "{status}, token: {on_token}");
    }
    assert!(ImdsError::Disabled.to_string().contains("--http-endpoint enabled"));
}

#[tokio::test]
async fn a_missing_token_response_is_explained_by_the_hop_limit() {
    let server = Server::start(|_| Response::Silence).await;
    let start = Instant::now();
    let error = query(&server.url).await.unwrap_err();
    assert_eq!(error, ImdsError::NoToken);
    assert!(error.to_string().contains("--http-put-response-hop-limit 2"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_unreachable_server_is_reported() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = query(&url).await.unwrap_err();
    assert_eq!(error, ImdsError::Unreachable("connection refused".into()));
    // TEST-NET-1: packets are dropped, or the router reports them as unreachable.
    let error = query("http://192.0.2.1").await.unwrap_err();
    assert!(
        matches!(error, ImdsError::Unreachable(_) | ImdsError::NoToken | ImdsError::Status(_)),
        "{error:?}"
    );
}

#[tokio::test]
async fn other_servers_are_reported() {
    let server = Server::start(|request| match request.method.as_str() {
        "PUT" => metadata(request),
        _ => Response::Reply(200, "", "<html>".into()),
    })
    .await;
    assert!(matches!(query(&server.url).await, Err(ImdsError::Document(_))));
    let server = Server::start(|_| Response::Reply(200, "", "hello".into())).await;
    assert!(query(&server.url).await.is_err());
    assert!(Imds::new(Some("no address at all")).is_err());
}

/// Any server may be at the address: the memory for its response is bounded, and so is the time.
#[tokio::test]
async fn endless_responses_are_abandoned() {
    for on_token in [true, false] {
        for (piece, pause) in [(1 << 20, 0), (1, 50)] {
            let server = Server::start(move |request| {
                if on_token || request.method == "GET" {
                    Response::Endless(piece, Duration::from_millis(pause))
                } else {
                    metadata(request)
                }
            })
            .await;
            let error = query(&server.url).await.unwrap_err();
            assert!(matches!(error, ImdsError::Other(_) | ImdsError::Unreachable(_)), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_partial_response_is_an_error() {
    let server = Server::start(|request| match request.method.as_str() {
        "PUT" => metadata(request),
        _ => Response::Half(DOCUMENT.into()),
    })
    .await;
    assert!(query(&server.url).await.is_err());
}

/// A redirect would pass the token to another server.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start(metadata).await;
    let location: &'static str = format!("location: {}/latest\r\n", elsewhere.url).leak();
    for on_token in [true, false] {
        let server = Server::start(move |request| {
            if on_token || request.method == "GET" {
                Response::Reply(307, location, String::new())
            } else {
                metadata(request)
            }
        })
        .await;
        assert_eq!(query(&server.url).await, Err(ImdsError::Status(307)), "token: {on_token}");
    }
    assert!(elsewhere.requests().is_empty());
}
