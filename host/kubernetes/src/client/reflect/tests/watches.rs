//! Tests of watches: expired versions, idle watches, and partial events.

use serde_json::json;

use super::*;

#[tokio::test]
async fn an_expired_version_is_followed_by_a_list() {
    for (name, response) in [
        ("as an event", Response::ok().send(event("ADDED", thing("x", 8))).send(event("ERROR", gone()))),
        ("as an response", Response::status(410).send(gone().to_string())),
    ] {
        let server = Server::start(move |number, _| match number {
            0 => list(7, "", &[thing("a", 3)]),
            1 => response.clone(),
            2 => list(20, "", &[thing("b", 12)]),
            _ => Response::ok().hang(),
        })
        .await;
        let run = run(&server, Paging::FromCache, TIMING);
        until(|| server.requests().len() == 4).await;
        assert_eq!(run.seen.known(), ["b@12"], "{name}");
        assert!(server.paths()[3].contains("resourceVersion=20"), "{name}");
    }
}

#[tokio::test]
async fn a_version_that_is_too_new_is_followed_by_a_list_whatever_the_message() {
    let cause = json!({"kind": "Status", "code": 504, "reason": "Timeout", "message": "in other words",
        "details": {"causes": [{"reason": "ResourceVersionTooLarge", "message": "in other words, too"}]}});
    let text = json!({"kind": "Status", "code": 504, "reason": "Timeout",
        "message": "Too large resource version: no cause says so, so it is a time-out"});
    for (refusal, lists_again) in [(cause, true), (text, false)] {
        let server = Server::start(move |number, _| match number {
            0 => list(7, "", &[]),
            1 => Response::status(504).send(refusal.to_string()),
            2 if lists_again => list(8, "", &[]),
            _ => Response::ok().hang(),
        })
        .await;
        let _run = run(&server, Paging::FromCache, TIMING);
        until(|| server.requests().len() >= 3).await;
        assert_eq!(server.paths()[2].contains("resourceVersion=0"), lists_again);
    }
}

#[tokio::test]
async fn permanent_watch_errors_are_followed_by_a_list() {
    let unknown = json!({"kind": "Status", "code": 400, "message": "invalid resource version"});
    for (expected, response) in [
        ("expected", Response::ok().send("no JSON\n")),
        ("invalid resource version", Response::ok().send(event("ERROR", unknown.clone()))),
        ("invalid resource version", Response::status(400).send(unknown.to_string())),
    ] {
        let server = Server::start(move |number, _| match number {
            0 => list(7, "", &[thing("a", 3)]),
            1 => response.clone(),
            _ => Response::ok().hang(),
        })
        .await;
        let run = run(&server, Paging::FromCache, TIMING);
        until(|| server.requests().len() == 3).await;
        assert!(server.paths()[2].contains("resourceVersion=0"), "{expected}");
        let error = run.status.snapshot().error.unwrap();
        assert!(error.contains("cannot watch things"), "{error}");
        assert!(error.contains(expected), "{error}");
        assert_eq!(run.seen.known(), ["a@3"], "{expected}");
    }
}

#[tokio::test]
async fn a_partial_event_is_dropped_and_delivered_again() {
    let whole = event("MODIFIED", thing("a", 9));
    let half = whole[..whole.len() / 2].to_owned();
    let server = Server::start(move |number, _| match number {
        0 => list(7, "", &[thing("a", 3)]),
        1 => Response::ok().send(event("ADDED", thing("b", 8))).send(half.clone()).cut(),
        2 => Response::ok().send(whole.clone()).hang(),
        _ => panic!("too many requests"),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| run.seen.calls().ends_with("+a")).await;
    assert_eq!(run.seen.calls(), "restart end +b +a");
    assert!(server.paths()[2].contains("resourceVersion=8&"), "{}", server.paths()[2]);
}

const SHORT_IDLE: Timing = Timing { watch_idle: Duration::from_millis(40), ..TIMING };

/// Like a server whose etcd reports no progress: it sends no bookmarks, and nothing changes.
#[tokio::test]
async fn an_idle_watch_is_reopened_without_a_failure() {
    let server = Server::start(|number, request| match number {
        0 => list(7, "", &[thing("a", 3)]),
        _ if request.path.contains("resourceVersion=7&") => {
            Response::ok().send(event("ADDED", thing("b", 8))).hang()
        }
        _ => Response::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, SHORT_IDLE);
    let resumed = |path: &String| path.contains("resourceVersion=8&");
    until(|| server.paths().iter().filter(|path| resumed(path)).count() > 3).await;
    assert!(run.seen.calls().starts_with("restart end +b"));
    assert_eq!(run.seen.calls().matches("restart").count(), 1, "listed once");
    let snapshot = run.status.snapshot();
    assert_eq!((snapshot.errors, snapshot.failures_in_a_row, &snapshot.error), (0, 0, &None));
}

#[tokio::test]
async fn an_idle_watch_that_cannot_be_reopened_is_a_failure() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "", &[]),
        1 => Response::ok().hang(),
        2 => Response::status(503).send("no healthy upstream"),
        _ => Response::ok().send(event("ADDED", thing("a", 8))).hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, SHORT_IDLE);
    until(|| run.seen.calls().contains("+a")).await;
    assert_eq!(run.status.snapshot().errors, 1);
}

/// Bytes that never complete a line do not keep a watch alive.
#[tokio::test]
async fn bytes_without_a_line_end_do_not_keep_a_watch_alive() {
    let mut drip = Response::ok();
    for _ in 0..2000 {
        drip = drip.send("x").pause(Duration::from_millis(5));
    }
    let server = Server::start(move |number, _| match number {
        0 => list(7, "", &[]),
        1 => drip.clone(),
        _ => Response::ok().send(event("ADDED", thing("a", 8))).hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, SHORT_IDLE);
    until(|| run.seen.calls().contains("+a")).await;
    assert!(server.paths()[2].contains("resourceVersion=7&"));
}

#[tokio::test]
async fn a_watch_that_ends_at_once_is_repeated_after_a_backoff() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "", &[]),
        1 => Response::ok(),
        _ => Response::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.requests().len() == 3).await;
    assert_eq!(run.status.snapshot().errors, 1);
}
