//! Remote write through the spool to a real server: both versions, the way from one to the other, and what servers reject.

use insightd_delivery::DeliveryCounts;
use insightd_push::remote_write::{CONTENT_TYPE, Version, compress};
use insightd_push::{BodyKind, Encoding, Protocol};
use insightd_spool::Block;

use crate::faults::{Agent, TIME_MS, queue};
use crate::server::{Request, Script, Server};

/// Header of a server that has stored all three samples of a request.
pub(crate) const ALL: &str = "X-Prometheus-Remote-Write-Samples-Written: 3";
/// Header of one that has stored one of them.
const ONE: &str = "X-Prometheus-Remote-Write-Samples-Written: 1";

/// A request of version 2.0 with three samples of `name`, by hand: symbols, and a series.
pub(crate) fn request(name: &str) -> Vec<u8> {
    let mut request = vec![0x22, 0, 0x22, 8];
    request.extend_from_slice(b"__name__");
    request.extend_from_slice(&[0x22, name.len() as u8]);
    request.extend_from_slice(name.as_bytes());
    let sample = [0x12, 11, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 5];
    request.extend_from_slice(&[0x2a, 4 + 3 * sample.len() as u8, 0x0a, 2, 1, 2]);
    request.extend_from_slice(&sample.repeat(3));
    request
}

/// The same in version 1.0.
fn request_1(name: &str) -> Vec<u8> {
    let label = [&[0x0a, 8][..], b"__name__", &[0x12, name.len() as u8], name.as_bytes()].concat();
    let sample = [0x12, 11, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 5];
    let series = [&[0x0a, label.len() as u8][..], &label, &sample.repeat(3)].concat();
    [&[0x0a, series.len() as u8][..], &series].concat()
}

fn put(agent: &Agent, names: &[&str]) {
    let kind = BodyKind { content_type: CONTENT_TYPE.into(), encoding: Encoding::Snappy };
    for name in names {
        let body = compress(&request(name)).unwrap();
        agent.queue.put(Block { events: 1, time_unix_ms: TIME_MS, key: kind.key(), body }).unwrap();
    }
    agent.queue.end_tick(TIME_MS);
}

/// Delivers requests with these names. Returns what the server got.
async fn deliver(version: Version, script: Script, names: &[&str]) -> (Vec<Request>, DeliveryCounts, u64) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(script).await;
    let agent = Agent::start_with(directory.path(), &server, Protocol::RemoteWrite(version));
    put(&agent, names);
    let (counts, lost) = agent.counts().await;
    (server.requests(), counts, lost)
}

fn assert_version_2(request: &Request, name: &str) {
    assert_eq!(request.body, compress(&self::request(name)).unwrap());
    assert_eq!(request.header("content-type"), "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    assert_eq!(request.header("x-prometheus-remote-write-version"), "2.0.0");
    assert_common(request);
}

fn assert_version_1(request: &Request, name: &str) {
    assert_eq!(request.body, compress(&request_1(name)).unwrap());
    assert_eq!(request.header("content-type"), "application/x-protobuf");
    assert_eq!(request.header("x-prometheus-remote-write-version"), "0.1.0");
    assert_common(request);
}

fn assert_common(request: &Request) {
    assert_eq!(request.header("content-encoding"), "snappy");
    assert!(request.header("user-agent").starts_with("insightd/"));
}

#[tokio::test]
async fn version_2_is_sent_in_order() {
    let (requests, counts, lost) =
        deliver(Version::Auto, Script::Responses(&[(200, ALL)]), &["a", "b", "c"]).await;
    assert_eq!((counts.accepted_events, counts.rejected_points, lost), (3, 0, 0));
    assert_eq!(requests.len(), 3);
    for (request, name) in requests.iter().zip(["a", "b", "c"]) {
        assert_version_2(request, name);
    }
}

/// A server says that it does not know the media type, or stores nothing of what it takes for an empty request.
#[tokio::test]
async fn a_server_of_version_1_gets_version_1_from_then_on() {
    for first in [&[(415, "x-a: b"), (204, "x-a: b")][..], &[(204, "x-a: b")]] {
        let (requests, counts, lost) =
            deliver(Version::Auto, Script::Responses(first), &["a", "b", "c"]).await;
        assert_eq!(
            (counts.accepted_events, counts.failed_requests, counts.rejected_points, lost),
            (3, 0, 0, 0)
        );
        assert_eq!(requests.len(), 4, "{first:?}");
        assert_version_2(&requests[0], "a");
        for (request, name) in requests[1..].iter().zip(["a", "b", "c"]) {
            assert_version_1(request, name);
        }
    }
}

#[tokio::test]
async fn a_version_can_be_fixed() {
    let (requests, counts, _) =
        deliver(Version::One, Script::Responses(&[(204, "x-a: b")]), &["a", "b"]).await;
    assert_eq!((counts.accepted_events, counts.rejected_points), (2, 0));
    assert_version_1(&requests[0], "a");
    assert_version_1(&requests[1], "b");
    let (requests, counts, lost) =
        deliver(Version::Two, Script::Responses(&[(415, "x-a: b"), (200, ALL)]), &["a", "b"]).await;
    assert_eq!((counts.accepted_events, counts.undeliverable_events, lost), (1, 1, 1));
    assert_version_2(&requests[1], "b");
    let (_, counts, _) = deliver(Version::Two, Script::Responses(&[(204, "x-a: b")]), &["a"]).await;
    assert_eq!((counts.accepted_events, counts.rejected_points), (1, 3), "nothing was stored");
}

#[tokio::test]
async fn failures_that_pass_lose_nothing_and_keep_the_order() {
    for failures in [
        &[(503, "x-a: b"), (200, ALL)][..],
        &[(500, "x-a: b"), (200, ALL)],
        &[(429, "retry-after: 1"), (200, ALL)],
        // Credentials that an operator corrects.
        &[(401, "x-a: b"), (200, ALL)],
    ] {
        let (requests, counts, lost) =
            deliver(Version::Auto, Script::Responses(failures), &["a", "b", "c"]).await;
        assert_eq!((counts.accepted_events, counts.failed_requests, lost), (3, 1, 0));
        for (request, name) in requests.iter().zip(["a", "a", "b", "c"]) {
            assert_version_2(request, name);
        }
    }
}

#[tokio::test]
async fn what_is_rejected_is_counted_and_not_sent_again() {
    for responses in
        [&[(400, "x-a: b"), (200, ALL)][..], &[(413, "x-a: b"), (200, ALL)], &[(422, "x-a: b"), (200, ALL)]]
    {
        let (requests, counts, lost) =
            deliver(Version::Auto, Script::Responses(responses), &["a", "b"]).await;
        assert_eq!((counts.accepted_events, counts.undeliverable_events, lost), (1, 1, 1));
        assert_version_2(&requests[1], "b");
        assert_eq!(requests.len(), 2);
    }
}

#[tokio::test]
async fn samples_that_were_not_written_are_counted() {
    for responses in [&[(200, ONE), (200, ALL)][..], &[(400, ONE), (200, ALL)]] {
        let (requests, counts, lost) =
            deliver(Version::Auto, Script::Responses(responses), &["a", "b"]).await;
        assert_eq!((counts.accepted_events, counts.rejected_points, lost), (2, 2, 0), "{responses:?}");
        assert_eq!(requests.len(), 2);
    }
}

/// The next process sends what the last one left before its own requests.
#[tokio::test]
async fn a_backlog_goes_first() {
    let directory = tempfile::tempdir().unwrap();
    let before = queue(directory.path());
    let kind = BodyKind { content_type: CONTENT_TYPE.into(), encoding: Encoding::Snappy };
    for name in ["a", "b"] {
        let body = compress(&request(name)).unwrap();
        before.put(Block { events: 1, time_unix_ms: TIME_MS, key: kind.key(), body }).unwrap();
        before.end_tick(TIME_MS);
    }
    drop(before);
    let server = Server::start(Script::Responses(&[(503, "x-a: b"), (200, ALL)])).await;
    let agent = Agent::start_with(directory.path(), &server, Protocol::RemoteWrite(Version::Auto));
    put(&agent, &["c"]);
    put(&agent, &["d"]);
    assert_eq!(agent.counts().await.0.accepted_events, 4);
    for (request, name) in server.requests().iter().zip(["a", "a", "b", "c", "d"]) {
        assert_version_2(request, name);
    }
}
