//! Tests of lists: from the cache, in pages, truncated, slow and compressed.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_list_from_the_cache_is_followed_by_a_watch() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "", &[thing("a", 3), thing("b", 4)]),
        1 => Response::ok()
            .send(event("ADDED", thing("c", 8)))
            .send(event("MODIFIED", thing("a", 9)) + &event("DELETED", thing("b", 10)))
            .send(event("BOOKMARK", json!({"metadata": {"resourceVersion": "15"}}))),
        _ => Response::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.requests().len() == 3).await;
    assert_eq!(run.seen.calls(), "restart end +c +a -b");
    assert_eq!(run.seen.known(), ["a@9", "c@8"]);
    let paths = server.paths();
    assert_eq!(paths[0], "/api/v1/things?resourceVersion=0&fieldSelector=metadata.name%3Da%2Fb");
    let watch = |from: u32| {
        format!("/api/v1/things?watch=1&resourceVersion={from}&allowWatchBookmarks=true&timeoutSeconds=")
    };
    assert!(paths[1].starts_with(&watch(7)), "{}", paths[1]);
    assert!(paths[2].starts_with(&watch(15)), "from the bookmark: {}", paths[2]);
    until(|| run.status.snapshot().last_success.is_some()).await;
    let snapshot = run.status.snapshot();
    assert_eq!((snapshot.requests, snapshot.errors), (3, 0), "an end in time is no error: {snapshot:?}");
    assert!(snapshot.bytes > 100);
}

#[tokio::test]
async fn a_list_is_read_in_pages() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "to+ken=", &[thing("a", 3)]),
        1 => list(7, "", &[thing("b", 4)]),
        _ => Response::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::Pages(1), TIMING);
    until(|| server.requests().len() == 3).await;
    assert_eq!(run.seen.known(), ["a@3", "b@4"]);
    let paths = server.paths();
    assert!(paths[0].starts_with("/api/v1/things?limit=1&field"), "{}", paths[0]);
    assert!(paths[1].starts_with("/api/v1/things?limit=1&continue=to%2Bken%3D&"), "{}", paths[1]);
}

#[tokio::test]
async fn a_truncated_list_is_repeated_in_pages() {
    let server = Server::start(|number, _| match number {
        0 => Response::ok().send(r#"{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"#).cut(),
        1 => Response::status(503).send("busy"),
        2 => list(8, "more", &[thing("a", 3)]),
        3 => list(8, "", &[thing("b", 4)]),
        _ => Response::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCacheElsePages(1), TIMING);
    until(|| server.requests().len() == 5).await;
    let paths = server.paths();
    assert!(paths[0].starts_with("/api/v1/things?resourceVersion=0&"), "{}", paths[0]);
    assert!(paths[1].starts_with("/api/v1/things?limit=1&field"), "{}", paths[1]);
    assert!(paths[2].starts_with("/api/v1/things?limit=1&field"), "{}", paths[2]);
    assert_eq!(run.seen.known(), ["a@3", "b@4"]);
    assert_eq!(run.seen.calls(), "restart restart restart end");
}

#[tokio::test]
async fn an_expired_continue_token_is_followed_by_a_list_in_one_response() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "more", &[thing("old", 3)]),
        1 => Response::status(410).send(gone().to_string()),
        2 => list(9, "", &[thing("a", 8)]),
        _ => Response::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::Pages(1), TIMING);
    until(|| server.requests().len() == 4).await;
    assert!(server.paths()[2].starts_with("/api/v1/things?resourceVersion=0"));
    assert_eq!(run.seen.known(), ["a@8"]);
    assert_eq!(run.seen.calls(), "restart restart end");
}

#[tokio::test]
async fn a_truncated_list_changes_nothing() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "", &[thing("a", 3)]),
        1 => Response::status(410).send(gone().to_string()),
        2 => Response::ok().send(r#"{"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"x","resourceVersion":"1"}},{"#),
        3 => Response::status(503).send("no healthy upstream"),
        4 => Response::ok().hang(),
        _ => panic!("too many requests"),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.requests().len() == 5).await;
    assert_eq!(run.seen.known(), ["a@3"], "as it was");
    let snapshot = run.status.snapshot();
    assert_eq!(snapshot.errors, 3);
    let error = snapshot.error.unwrap();
    assert!(
        error.contains("cannot list things")
            && error.contains("status 503")
            && error.contains("no healthy upstream"),
        "{error}"
    );
}

#[tokio::test]
async fn an_endlessly_slow_list_is_abandoned() {
    let mut drip = Response::ok().send(r#"{"metadata":{"resourceVersion":"9"},"items":["#);
    for _ in 0..2000 {
        drip = drip.send(" ").pause(Duration::from_millis(5));
    }
    let server = Server::start(move |number, _| match number {
        0 => drip.clone(),
        1 => list(7, "", &[thing("a", 3)]),
        _ => Response::ok().hang(),
    })
    .await;
    let timing = Timing { list_total: Duration::from_millis(100), ..TIMING };
    let run = run(&server, Paging::FromCache, timing);
    until(|| server.requests().len() == 3).await;
    assert_eq!(run.seen.known(), ["a@3"]);
    assert_eq!(run.status.snapshot().errors, 1);
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write as _;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn lists_may_be_compressed_and_watches_may_not() {
    let things: Vec<_> = (0..100).map(|number| thing(&format!("t{number:03}"), number)).collect();
    let text = json!({"metadata": {"resourceVersion": "7"}, "items": things}).to_string();
    let packed = gzip(&text);
    let (plain, sent) = (text.len() as u64, packed.len() as u64);
    let server = Server::start(move |number, _| match number {
        0 => {
            let halves = packed.split_at(packed.len() / 2);
            Response::ok().header("content-encoding", "gzip").send(halves.0).send(halves.1)
        }
        1 => Response::ok().header("content-encoding", "gzip").send(gzip("{}\n")),
        _ => Response::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.requests().len() == 3).await;
    assert_eq!(run.seen.known().len(), 100);
    let requests = server.requests();
    assert_eq!(
        (requests[0].header("accept-encoding"), requests[1].header("accept-encoding")),
        (Some("gzip"), None)
    );
    let snapshot = run.status.snapshot();
    assert_eq!(snapshot.errors, 1, "the watch");
    assert!(snapshot.bytes < plain / 4 && snapshot.bytes >= sent, "{} of {plain}", snapshot.bytes);
}

#[tokio::test]
async fn a_corrupt_compressed_list_changes_nothing() {
    let packed = gzip(&json!({"metadata": {"resourceVersion": "7"}, "items": [thing("x", 1)]}).to_string());
    let mut wrong = packed.clone();
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    for (name, body) in
        [("cut", packed[..packed.len() - 9].to_vec()), ("checksum", wrong), ("none", b"{}".to_vec())]
    {
        let server = Server::start(move |number, _| match number {
            0 => Response::ok().header("content-encoding", "gzip").send(body.clone()),
            1 => list(9, "", &[thing("a", 3)]),
            _ => Response::ok().hang(),
        })
        .await;
        let run = run(&server, Paging::FromCache, TIMING);
        until(|| server.requests().len() == 3).await;
        assert_eq!(run.seen.known(), ["a@3"], "{name}");
        assert_eq!(run.status.snapshot().errors, 1, "{name}");
    }
}
