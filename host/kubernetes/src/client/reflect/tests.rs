use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use http::header::RETRY_AFTER;
use serde_json::json;

use super::wire::retry_after;
use super::*;
use crate::client::testing::{Answer, Server, until};

const TIMING: Timing = Timing {
    first_wait: Duration::from_millis(1),
    most_wait: Duration::from_millis(5),
    list_idle: Duration::from_secs(20),
    list_total: Duration::from_secs(60),
    watch_idle: Duration::from_secs(20),
};

/// A handler that records names with their versions, and its calls.
#[derive(Clone, Default)]
struct Seen {
    known: Arc<Mutex<BTreeMap<String, String>>>,
    calls: Arc<Mutex<Vec<String>>>,
    listed: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    name: &'a str,
    #[serde(rename = "resourceVersion")]
    version: &'a str,
}

impl Seen {
    fn call(&self, text: String) {
        self.calls.lock().unwrap().push(text);
    }

    fn known(&self) -> Vec<String> {
        self.known.lock().unwrap().iter().map(|(name, version)| format!("{name}@{version}")).collect()
    }

    fn calls(&self) -> String {
        self.calls.lock().unwrap().join(" ")
    }
}

impl Handler for Seen {
    type Item<'a> = Item<'a>;

    fn on_restart(&mut self) {
        self.listed.clear();
        self.call("restart".into());
    }

    fn on_listed(&mut self, item: Item<'_>) {
        self.listed.insert(item.metadata.name.into(), item.metadata.version.into());
    }

    fn on_list_end(&mut self) {
        *self.known.lock().unwrap() = std::mem::take(&mut self.listed);
        self.call("end".into());
    }

    fn on_applied(&mut self, item: Item<'_>) {
        self.known.lock().unwrap().insert(item.metadata.name.into(), item.metadata.version.into());
        self.call(format!("+{}", item.metadata.name));
    }

    fn on_deleted(&mut self, item: Item<'_>) {
        self.known.lock().unwrap().remove(item.metadata.name);
        self.call(format!("-{}", item.metadata.name));
    }
}

struct Run {
    seen: Seen,
    status: Arc<Status>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn run(server: &Server, paging: Paging, timing: Timing) -> Run {
    let watched = Watched {
        path: "/api/v1/things".into(),
        resource: "things",
        field_selector: Some("metadata.name=a/b".into()),
        label_selector: None,
        paging,
        metadata_only: false,
        start_jitter: Duration::from_millis(1),
    };
    let (seen, status, client) = (Seen::default(), Arc::new(Status::new("things")), server.client());
    let (mut handler, own) = (seen.clone(), Arc::clone(&status));
    let task = tokio::spawn(async move {
        let reflector = Reflector { client: &client, watched: &watched, status: &own, timing };
        match reflector.run(&mut Reading(&mut handler), fastrand::Rng::with_seed(1)).await {}
    });
    Run { seen, status, task }
}

fn thing(name: &str, version: u32) -> serde_json::Value {
    json!({"metadata": {"name": name, "resourceVersion": version.to_string()}, "spec": {"long": "text"}})
}

fn list(version: u32, next: &str, things: &[serde_json::Value]) -> Answer {
    let list = json!({"kind": "ThingList", "metadata": {"resourceVersion": version.to_string(), "continue": next}, "items": things});
    Answer::ok().send(list.to_string())
}

fn event(kind: &str, object: serde_json::Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

fn gone() -> serde_json::Value {
    json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (9)"})
}

#[tokio::test]
async fn a_list_out_of_the_cache_and_a_watch() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "", &[thing("a", 3), thing("b", 4)]),
        1 => Answer::ok()
            .send(event("ADDED", thing("c", 8)))
            .send(event("MODIFIED", thing("a", 9)) + &event("DELETED", thing("b", 10)))
            .send(event("BOOKMARK", json!({"metadata": {"resourceVersion": "15"}}))),
        _ => Answer::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.asked().len() == 3).await;
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
async fn pages() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "to+ken=", &[thing("a", 3)]),
        1 => list(7, "", &[thing("b", 4)]),
        _ => Answer::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::Pages(1), TIMING);
    until(|| server.asked().len() == 3).await;
    assert_eq!(run.seen.known(), ["a@3", "b@4"]);
    let paths = server.paths();
    assert!(paths[0].starts_with("/api/v1/things?limit=1&field"), "{}", paths[0]);
    assert!(paths[1].starts_with("/api/v1/things?limit=1&continue=to%2Bken%3D&"), "{}", paths[1]);
}

#[tokio::test]
async fn a_list_that_breaks_off_is_followed_by_pages() {
    let server = Server::start(|number, _| match number {
        0 => Answer::ok().send(r#"{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"#).cut(),
        1 => Answer::status(503).send("busy"),
        2 => list(8, "more", &[thing("a", 3)]),
        3 => list(8, "", &[thing("b", 4)]),
        _ => Answer::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCacheElsePages(1), TIMING);
    until(|| server.asked().len() == 5).await;
    let paths = server.paths();
    assert!(paths[0].starts_with("/api/v1/things?resourceVersion=0&"), "{}", paths[0]);
    assert!(paths[1].starts_with("/api/v1/things?limit=1&field"), "{}", paths[1]);
    assert!(paths[2].starts_with("/api/v1/things?limit=1&field"), "{}", paths[2]);
    assert_eq!(run.seen.known(), ["a@3", "b@4"]);
    assert_eq!(run.seen.calls(), "restart restart restart end");
}

#[tokio::test]
async fn pages_that_outlive_their_version_are_followed_by_one_whole_list() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "more", &[thing("old", 3)]),
        1 => Answer::status(410).send(gone().to_string()),
        2 => list(9, "", &[thing("a", 8)]),
        _ => Answer::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::Pages(1), TIMING);
    until(|| server.asked().len() == 4).await;
    assert!(server.paths()[2].starts_with("/api/v1/things?resourceVersion=0"));
    assert_eq!(run.seen.known(), ["a@8"]);
    assert_eq!(run.seen.calls(), "restart restart end");
}

#[tokio::test]
async fn a_forgotten_version_is_followed_by_a_list() {
    for (name, answer) in [
        ("as an event", Answer::ok().send(event("ADDED", thing("x", 8))).send(event("ERROR", gone()))),
        ("as an answer", Answer::status(410).send(gone().to_string())),
    ] {
        let server = Server::start(move |number, _| match number {
            0 => list(7, "", &[thing("a", 3)]),
            1 => answer.clone(),
            2 => list(20, "", &[thing("b", 12)]),
            _ => Answer::ok().hang(),
        })
        .await;
        let run = run(&server, Paging::FromCache, TIMING);
        until(|| server.asked().len() == 4).await;
        assert_eq!(run.seen.known(), ["b@12"], "{name}");
        assert!(server.paths()[3].contains("resourceVersion=20"), "{name}");
    }
}

#[tokio::test]
async fn half_an_event_is_none_and_comes_again() {
    let whole = event("MODIFIED", thing("a", 9));
    let half = whole[..whole.len() / 2].to_owned();
    let server = Server::start(move |number, _| match number {
        0 => list(7, "", &[thing("a", 3)]),
        1 => Answer::ok().send(event("ADDED", thing("b", 8))).send(half.clone()).cut(),
        2 => Answer::ok().send(whole.clone()).hang(),
        _ => panic!("asked too often"),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| run.seen.calls().ends_with("+a")).await;
    assert_eq!(run.seen.calls(), "restart end +b +a");
    assert!(server.paths()[2].contains("resourceVersion=8&"), "{}", server.paths()[2]);
}

#[tokio::test]
async fn a_list_that_breaks_off_changes_nothing() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "", &[thing("a", 3)]),
        1 => Answer::status(410).send(gone().to_string()),
        2 => Answer::ok().send(r#"{"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"x","resourceVersion":"1"}},{"#),
        3 => Answer::status(503).send("no healthy upstream"),
        4 => Answer::ok().hang(),
        _ => panic!("asked too often"),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.asked().len() == 5).await;
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
async fn what_may_not_be_watched_is_said_and_tried_again() {
    let forbidden =
        json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "things is forbidden"});
    let server = Server::start(move |number, _| match number {
        0 => Answer::status(403).send(forbidden.to_string()),
        1 => list(7, "", &[]),
        2 => Answer::status(403).send(forbidden.to_string()),
        _ => Answer::ok().send(event("ADDED", thing("a", 8))).hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| run.seen.calls().ends_with("+a")).await;
    assert_eq!(run.seen.calls(), "restart restart end +a", "no second list for a watch that was refused");
    until(|| run.status.snapshot().error.is_none()).await;
    assert_eq!(run.status.snapshot().errors, 2);
}

#[tokio::test]
async fn the_error_names_verb_and_resource() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "", &[]),
        1 => Answer::status(403).send("{}"),
        _ => Answer::ok().hang(),
    })
    .await;
    let timing =
        Timing { first_wait: Duration::from_secs(3600), most_wait: Duration::from_secs(3600), ..TIMING };
    let run = run(&server, Paging::FromCache, timing);
    until(|| run.status.snapshot().errors > 0).await;
    let error = run.status.snapshot().error.unwrap();
    assert!(
        error.contains("cannot watch things: permission denied (403): grant `watch` on `things`"),
        "{error}"
    );
}

const QUIET: Timing = Timing { watch_idle: Duration::from_millis(40), ..TIMING };

/// Like a server whose etcd reports no progress: it sends no bookmarks, and nothing changes.
#[tokio::test]
async fn a_silent_watch_is_opened_anew_and_no_failure() {
    let server = Server::start(|number, asked| match number {
        0 => list(7, "", &[thing("a", 3)]),
        _ if asked.path.contains("resourceVersion=7&") => {
            Answer::ok().send(event("ADDED", thing("b", 8))).hang()
        }
        _ => Answer::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, QUIET);
    let resumed = |path: &String| path.contains("resourceVersion=8&");
    until(|| server.paths().iter().filter(|path| resumed(path)).count() > 3).await;
    assert!(run.seen.calls().starts_with("restart end +b"));
    assert_eq!(run.seen.calls().matches("restart").count(), 1, "listed once");
    let snapshot = run.status.snapshot();
    assert_eq!((snapshot.errors, snapshot.failures_in_a_row, &snapshot.error), (0, 0, &None));
}

#[tokio::test]
async fn a_silent_watch_that_cannot_be_opened_anew_is_a_failure() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "", &[]),
        1 => Answer::ok().hang(),
        2 => Answer::status(503).send("no healthy upstream"),
        _ => Answer::ok().send(event("ADDED", thing("a", 8))).hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, QUIET);
    until(|| run.seen.calls().contains("+a")).await;
    assert_eq!(run.status.snapshot().errors, 1);
}

/// Bytes that never complete a line do not keep a watch alive.
#[tokio::test]
async fn half_an_event_that_drips_in_is_silence() {
    let mut drip = Answer::ok();
    for _ in 0..2000 {
        drip = drip.send("x").pause(Duration::from_millis(5));
    }
    let server = Server::start(move |number, _| match number {
        0 => list(7, "", &[]),
        1 => drip.clone(),
        _ => Answer::ok().send(event("ADDED", thing("a", 8))).hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, QUIET);
    until(|| run.seen.calls().contains("+a")).await;
    assert!(server.paths()[2].contains("resourceVersion=7&"));
}

#[tokio::test]
async fn a_list_that_drips_in_for_ever_is_given_up() {
    let mut drip = Answer::ok().send(r#"{"metadata":{"resourceVersion":"9"},"items":["#);
    for _ in 0..2000 {
        drip = drip.send(" ").pause(Duration::from_millis(5));
    }
    let server = Server::start(move |number, _| match number {
        0 => drip.clone(),
        1 => list(7, "", &[thing("a", 3)]),
        _ => Answer::ok().hang(),
    })
    .await;
    let timing = Timing { list_total: Duration::from_millis(100), ..TIMING };
    let run = run(&server, Paging::FromCache, timing);
    until(|| server.asked().len() == 3).await;
    assert_eq!(run.seen.known(), ["a@3"]);
    assert_eq!(run.status.snapshot().errors, 1);
}

#[tokio::test]
async fn an_object_that_is_too_large_costs_itself_alone() {
    let large = json!({"metadata": {"name": "l", "resourceVersion": "5"}, "x": "y".repeat(3 << 20)});
    let server = Server::start(move |number, _| match number {
        0 => list(7, "", &[thing("a", 3), large.clone(), thing("b", 4)]),
        1 => Answer::ok().send(event("ADDED", large.clone())).send(event("ADDED", thing("c", 12))),
        _ => Answer::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.asked().len() == 3).await;
    assert_eq!(run.seen.known(), ["a@3", "b@4", "c@12"]);
    let snapshot = run.status.snapshot();
    assert_eq!((snapshot.errors, snapshot.left_out), (0, 2));
}

#[tokio::test]
async fn an_event_without_an_end_ends_its_watch_alone() {
    let mut endless = Answer::ok().send(event("ADDED", thing("b", 8)));
    for _ in 0..70 {
        endless = endless.send(vec![b'x'; 1 << 20]);
    }
    let server = Server::start(move |number, _| match number {
        0 => list(7, "", &[thing("a", 3)]),
        1 => endless.clone(),
        _ => Answer::ok().send(event("ADDED", thing("c", 9))).hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| run.seen.calls().contains("+c")).await;
    assert_eq!(run.seen.known(), ["a@3", "b@8", "c@9"]);
    let snapshot = run.status.snapshot();
    assert_eq!((snapshot.errors, snapshot.left_out), (1, 1));
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write as _;

    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn lists_may_come_compressed_and_watches_may_not() {
    let things: Vec<_> = (0..100).map(|number| thing(&format!("t{number:03}"), number)).collect();
    let text = json!({"metadata": {"resourceVersion": "7"}, "items": things}).to_string();
    let packed = gzip(&text);
    let (plain, sent) = (text.len() as u64, packed.len() as u64);
    let server = Server::start(move |number, _| match number {
        0 => {
            let halves = packed.split_at(packed.len() / 2);
            Answer::ok().header("content-encoding", "gzip").send(halves.0).send(halves.1)
        }
        1 => Answer::ok().header("content-encoding", "gzip").send(gzip("{}\n")),
        _ => Answer::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.asked().len() == 3).await;
    assert_eq!(run.seen.known().len(), 100);
    let asked = server.asked();
    assert_eq!(
        (asked[0].header("accept-encoding"), asked[1].header("accept-encoding")),
        (Some("gzip"), None)
    );
    let snapshot = run.status.snapshot();
    assert_eq!(snapshot.errors, 1, "the watch");
    assert!(snapshot.bytes < plain / 4 && snapshot.bytes >= sent, "{} of {plain}", snapshot.bytes);
}

#[tokio::test]
async fn a_compressed_list_that_is_cut_or_broken_changes_nothing() {
    let packed = gzip(&json!({"metadata": {"resourceVersion": "7"}, "items": [thing("x", 1)]}).to_string());
    let mut wrong = packed.clone();
    let at = wrong.len() - 6;
    wrong[at] ^= 1;
    for (name, body) in
        [("cut", packed[..packed.len() - 9].to_vec()), ("checksum", wrong), ("none", b"{}".to_vec())]
    {
        let server = Server::start(move |number, _| match number {
            0 => Answer::ok().header("content-encoding", "gzip").send(body.clone()),
            1 => list(9, "", &[thing("a", 3)]),
            _ => Answer::ok().hang(),
        })
        .await;
        let run = run(&server, Paging::FromCache, TIMING);
        until(|| server.asked().len() == 3).await;
        assert_eq!(run.seen.known(), ["a@3"], "{name}");
        assert_eq!(run.status.snapshot().errors, 1, "{name}");
    }
}

/// Following a redirect would send the token to any server that it names.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Server::start(|_, _| list(7, "", &[thing("evil", 1)])).await;
    let location = format!("{}/api/v1/things", elsewhere.url);
    let server = Server::start(move |number, _| match number {
        0 => Answer::status(307).header("location", &location),
        1 => list(7, "", &[thing("a", 3)]),
        2 => Answer::status(301).header("location", &location),
        3 => list(8, "", &[thing("a", 3)]),
        _ => Answer::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.asked().len() == 5).await;
    assert!(elsewhere.asked().is_empty());
    assert_eq!(run.seen.known(), ["a@3"]);
    let snapshot = run.status.snapshot();
    assert_eq!(snapshot.errors, 2);
}

#[tokio::test]
async fn a_version_of_the_future_is_followed_by_a_list_whatever_its_text_says() {
    let cause = json!({"kind": "Status", "code": 504, "reason": "Timeout", "message": "in other words",
        "details": {"causes": [{"reason": "ResourceVersionTooLarge", "message": "in other words, too"}]}});
    let text = json!({"kind": "Status", "code": 504, "reason": "Timeout",
        "message": "Too large resource version: no cause says so, so it is a time-out"});
    for (refusal, lists_again) in [(cause, true), (text, false)] {
        let server = Server::start(move |number, _| match number {
            0 => list(7, "", &[]),
            1 => Answer::status(504).send(refusal.to_string()),
            2 if lists_again => list(8, "", &[]),
            _ => Answer::ok().hang(),
        })
        .await;
        let _run = run(&server, Paging::FromCache, TIMING);
        until(|| server.asked().len() >= 3).await;
        assert_eq!(server.paths()[2].contains("resourceVersion=0"), lists_again);
    }
}

#[tokio::test]
async fn a_watch_that_ends_at_once_is_not_repeated_without_pause() {
    let server = Server::start(|number, _| match number {
        0 => list(7, "", &[]),
        1 => Answer::ok(),
        _ => Answer::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.asked().len() == 3).await;
    assert_eq!(run.status.snapshot().errors, 1);
}

#[tokio::test]
async fn a_malformed_object_costs_itself_alone() {
    let odd = json!({"metadata": {"name": 5, "resourceVersion": "11"}});
    let server = Server::start(move |number, _| match number {
        0 => list(7, "", &[thing("a", 3), odd.clone(), thing("b", 4)]),
        1 => Answer::ok().send(event("ADDED", odd.clone())).send(event("ADDED", thing("c", 12))),
        _ => Answer::ok().hang(),
    })
    .await;
    let run = run(&server, Paging::FromCache, TIMING);
    until(|| server.asked().len() == 3).await;
    assert_eq!(run.seen.known(), ["a@3", "b@4", "c@12"]);
    assert_eq!(run.status.snapshot().errors, 0);
}

#[tokio::test]
async fn what_another_watch_would_not_mend_is_followed_by_a_list() {
    let unknown = json!({"kind": "Status", "code": 400, "message": "invalid resource version"});
    for (says, answer) in [
        ("expected", Answer::ok().send("no JSON\n")),
        ("invalid resource version", Answer::ok().send(event("ERROR", unknown.clone()))),
        ("invalid resource version", Answer::status(400).send(unknown.to_string())),
    ] {
        let server = Server::start(move |number, _| match number {
            0 => list(7, "", &[thing("a", 3)]),
            1 => answer.clone(),
            _ => Answer::ok().hang(),
        })
        .await;
        let run = run(&server, Paging::FromCache, TIMING);
        until(|| server.asked().len() == 3).await;
        assert!(server.paths()[2].contains("resourceVersion=0"), "{says}");
        let error = run.status.snapshot().error.unwrap();
        assert!(error.contains("cannot watch things"), "{error}");
        assert!(error.contains(says), "{error}");
        assert_eq!(run.seen.known(), ["a@3"], "{says}");
    }
}

#[tokio::test]
async fn the_server_may_ask_for_patience() {
    let mut headers = HeaderMap::new();
    assert_eq!(retry_after(&headers), None);
    headers.insert(RETRY_AFTER, "7".parse().unwrap());
    assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
    headers.insert(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap());
    assert_eq!(retry_after(&headers), None);
}

#[test]
fn queries_are_escaped() {
    assert_eq!(escaped("a=b,c!=d/é~"), "a%3Db%2Cc%21%3Dd%2F%C3%A9~");
}
