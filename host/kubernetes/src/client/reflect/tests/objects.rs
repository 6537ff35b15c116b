//! Tests of malformed and oversized objects, which do not affect the others.

use serde_json::json;

use super::*;

#[tokio::test]
async fn only_the_object_that_is_too_large_is_skipped() {
    let large = json!({"metadata": {"name": "l", "resourceVersion": "5"}, "x": "y".repeat(3 << 20)});
    let server = Server::start(move |number, _| match number {
        0 => list(7, "", &[thing("a", 3), large.clone(), thing("b", 4)]),
        1 => Response::ok().send(event("ADDED", large.clone())).send(event("ADDED", thing("c", 12))),
        _ => Response::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.requests().len() == 3).await;
    assert_eq!(run.seen.known(), ["a@3", "b@4", "c@12"]);
    let snapshot = run.status.snapshot();
    assert_eq!((snapshot.errors, snapshot.left_out), (0, 2));
}

#[tokio::test]
async fn an_endless_event_ends_only_its_watch() {
    let mut endless = Response::ok().send(event("ADDED", thing("b", 8)));
    for _ in 0..70 {
        endless = endless.send(vec![b'x'; 1 << 20]);
    }
    let server = Server::start(move |number, _| match number {
        0 => list(7, "", &[thing("a", 3)]),
        1 => endless.clone(),
        _ => Response::ok().send(event("ADDED", thing("c", 9))).hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| run.seen.calls().contains("+c")).await;
    assert_eq!(run.seen.known(), ["a@3", "b@8", "c@9"]);
    let snapshot = run.status.snapshot();
    assert_eq!((snapshot.errors, snapshot.left_out), (1, 1));
}

#[tokio::test]
async fn only_the_malformed_object_is_skipped() {
    let odd = json!({"metadata": {"name": 5, "resourceVersion": "11"}});
    let server = Server::start(move |number, _| match number {
        0 => list(7, "", &[thing("a", 3), odd.clone(), thing("b", 4)]),
        1 => Response::ok().send(event("ADDED", odd.clone())).send(event("ADDED", thing("c", 12))),
        _ => Response::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.requests().len() == 3).await;
    assert_eq!(run.seen.known(), ["a@3", "b@4", "c@12"]);
    assert_eq!(run.status.snapshot().errors, 0);
}
