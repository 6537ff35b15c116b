//! Tests of requests, and of responses with an error status.

use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde_json::json;

use super::*;
use crate::client::reflect::wire::retry_after;

#[tokio::test]
async fn a_forbidden_watch_is_reported_and_retried() {
    let forbidden =
        json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "things is forbidden"});
    let server = Server::start(move |number, _| match number {
        0 => Response::status(403).send(forbidden.to_string()),
        1 => list(7, "", &[]),
        2 => Response::status(403).send(forbidden.to_string()),
        _ => Response::ok().send(event("ADDED", thing("a", 8))).hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| run.seen.calls().ends_with("+a")).await;
    assert_eq!(run.seen.calls(), "restart restart end +a", "no second list after a forbidden watch");
    until(|| run.status.snapshot().error.is_none()).await;
    assert_eq!(run.status.snapshot().errors, 2);
}

#[tokio::test]
async fn the_error_names_verb_and_resource() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "", &[]),
        1 => Response::status(403).send("{}"),
        _ => Response::ok().hang(),
    })
    .await;
    let timing =
        Timing { first_wait: Duration::from_secs(3600), max_wait: Duration::from_secs(3600), ..TIMING };
    let run = run(&server, Paging::FromCache, timing);
    until(|| run.status.snapshot().errors > 0).await;
    let error = run.status.snapshot().error.unwrap();
    assert!(
        error.contains("cannot watch things: permission denied (403): grant `watch` on `things`"),
        "{error}"
    );
}

/// Following a redirect would send the token to any server that it names.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start(|_, _| list(7, "", &[thing("evil", 1)])).await;
    let location = format!("{}/api/v1/things", elsewhere.url);
    let server = Server::start(move |number, _| match number {
        0 => Response::status(307).header("location", &location),
        1 => list(7, "", &[thing("a", 3)]),
        2 => Response::status(301).header("location", &location),
        3 => list(8, "", &[thing("a", 3)]),
        _ => Response::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.requests().len() == 5).await;
    assert!(elsewhere.requests().is_empty());
    assert_eq!(run.seen.known(), ["a@3"]);
    let snapshot = run.status.snapshot();
    assert_eq!(snapshot.errors, 2);
}

#[tokio::test]
async fn retry_after_is_read_in_seconds() {
    let mut headers = HeaderMap::new();
    assert_eq!(retry_after(&headers), None);
    headers.insert(RETRY_AFTER, "7".parse().unwrap());
    assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
    headers.insert(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap());
    assert_eq!(retry_after(&headers), None);
}

#[test]
fn queries_are_escaped() {
    assert_eq!(percent_encoded("a=b,c!=d/é~"), "a%3Db%2Cc%21%3Dd%2F%C3%A9~");
}
