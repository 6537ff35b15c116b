use serde_json::{Value, json};

use super::*;
use crate::client::testing::{Request, Response, Server};

const OWN_CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/ca.pem");
const OTHER_CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/other-ca.pem");

fn settings(url: &str) -> KubeletSettings {
    KubeletSettings {
        url: url.to_owned(),
        token_file: None,
        ca_files: vec![OWN_CA.into()],
        server_name: None,
        insecure: false,
        timeout: Duration::from_secs(20),
        metadata_filter: MetadataFilter::default(),
        summary: true,
        max_response_bytes: 1 << 20,
    }
}

fn kubelet(settings: KubeletSettings) -> (Kubelet, Arc<UpstreamStatus>) {
    let status = Arc::new(UpstreamStatus::new("kubelet"));
    let kubelet = Kubelet::new(settings, Arc::clone(&status)).unwrap();
    (kubelet, status)
}

fn pods(names: &[&str]) -> Response {
    let items: Vec<_> =
        names.iter().map(|name| json!({"metadata": {"name": name, "namespace": "n", "uid": name}})).collect();
    Response::ok().send(json!({"kind": "PodList", "items": items}).to_string())
}

fn summary() -> Response {
    Response::ok().send(json!({"pods": [{"podRef": {"uid": "a"}}]}).to_string())
}

fn names(data: &KubeletData) -> Vec<String> {
    let list = data.pods.as_ref().map(|list| list.pods.iter().map(|pod| pod.name.to_string()).collect());
    list.unwrap_or_default()
}

/// Starts a kubelet that responds to its `n`-th list request with `response(n)`, and has good summaries.
async fn lists(response: impl Fn(usize) -> Response + Send + 'static) -> Server {
    let mut list = 0;
    Server::start(move |_, request: &Request| match request.path.as_str() {
        "/pods" => {
            list += 1;
            response(list - 1)
        }
        _ => summary(),
    })
    .await
}

#[tokio::test]
async fn a_fetch_requests_both_documents_over_one_connection() {
    let server = lists(|_| pods(&["a", "b"])).await;
    let (mut kubelet, status) = kubelet(settings(&server.url));
    let before = Instant::now();
    let data = kubelet.fetch().await;
    assert_eq!(names(&data), ["a", "b"]);
    assert!(data.pods_read_at.is_some_and(|time| time >= before) && data.summary_read_at.is_some());
    assert!(data.summary.as_ref().unwrap().pod("a").is_some());
    assert_eq!(data.error, None);
    kubelet.fetch().await;
    assert_eq!(server.paths(), ["/pods", "/stats/summary", "/pods", "/stats/summary"]);
    assert_eq!(server.connections(), 1);
    let snapshot = status.snapshot();
    assert_eq!((snapshot.requests, snapshot.errors), (4, 0));
    assert!(snapshot.last_success.is_some() && snapshot.bytes > 200);

    let without = KubeletSettings { summary: false, ..settings(&server.url) };
    let data = Kubelet::new(without, Arc::new(UpstreamStatus::new("kubelet"))).unwrap().fetch().await;
    assert!(data.summary.is_none() && data.pods.is_some());
    assert_eq!(server.paths().len(), 5);
}

/// Returns the data after a good list, and after `response` to the next request.
async fn after_a_good_list(response: Response) -> (Arc<KubeletData>, Arc<KubeletData>) {
    let server = lists(move |list| if list == 0 { pods(&["a", "b"]) } else { response.clone() }).await;
    let (mut kubelet, status) = kubelet(settings(&server.url));
    let good = kubelet.fetch().await;
    assert_eq!(good.error, None);
    let data = kubelet.fetch().await;
    assert_eq!(status.snapshot().error, data.error);
    (good, data)
}

#[tokio::test]
async fn implausible_responses_keep_the_last_data() {
    let odd = json!({"items": [{"metadata": {"name": "a"}}]}).to_string();
    let status = json!({"kind": "Status", "message": "not yet"}).to_string();
    let cases: [(&str, Response); 9] = [
        ("the document is empty", Response::ok()),
        ("line 1", Response::ok().send("<html>")),
        ("line 1", Response::ok().send(r#"{"items":[{"metadata":"#)),
        ("not yet", Response::ok().send(status)),
        ("empty pod list, previously 2 pods", pods(&[])),
        ("all pods of the response are malformed", Response::ok().send(odd)),
        ("exceeds 1048576 bytes", Response::ok().send(vec![b' '; 1 << 20]).send(" ")),
        ("cannot get /pods", Response::ok().send(r#"{"items":[]}"#).cut()),
        ("grant `get` on `nodes/pods`", Response::status(403).send("Forbidden (user=x)")),
    ];
    for (expected, response) in cases {
        let (good, data) = after_a_good_list(response).await;
        let error = data.error.as_deref().unwrap_or_default();
        assert!(
            error.starts_with("kubelet /pods, failing since 2") && error.contains(expected),
            "{expected}: {error}"
        );
        assert_eq!(names(&data), ["a", "b"], "{expected}");
        assert_eq!(data.pods_read_at, good.pods_read_at, "{expected}: unchanged age");
        assert!(data.summary_read_at > good.summary_read_at, "{expected}: the summary is not affected");
    }
}

#[tokio::test]
async fn skipped_pods_are_counted() {
    let server = lists(|_| {
        let mut items: Vec<Value> = (0..2600)
            .map(|number| json!({"metadata": {"name": format!("p{number:04}"), "namespace": "n", "uid": number.to_string()}}))
            .collect();
        items[7] = json!(7);
        Response::ok().send(json!({ "items": items }).to_string())
    })
    .await;
    let (mut kubelet, status) = kubelet(settings(&server.url));
    let data = kubelet.fetch().await;
    let list = data.pods.as_ref().unwrap();
    assert_eq!((list.pods.len(), list.left_out, list.problems.len()), (2500, 99, 1));
    assert_eq!(status.snapshot().left_out, 100);
    kubelet.fetch().await;
    assert_eq!(status.snapshot().left_out, 200, "once for each response");
}

#[tokio::test]
async fn a_failing_summary_does_not_affect_the_pods() {
    let server = Server::start(|number, request| match (number, request.path.as_str()) {
        (_, "/pods") => pods(&["a"]),
        (1, _) => summary(),
        _ => Response::status(500).send("boom"),
    })
    .await;
    let (mut kubelet, _) = kubelet(settings(&server.url));
    let first = kubelet.fetch().await;
    let second = kubelet.fetch().await;
    assert!(second.pods_read_at > first.pods_read_at);
    assert_eq!(second.summary_read_at, first.summary_read_at);
    assert!(second.summary.is_some());
    let error = second.error.as_deref().unwrap();
    assert!(error.starts_with("kubelet /stats/summary, failing since") && error.contains("boom"), "{error}");
}

#[tokio::test]
async fn a_second_empty_list_is_accepted() {
    let server = lists(|list| match list {
        0 | 3 => pods(&["a"]),
        _ => pods(&[]),
    })
    .await;
    let (mut kubelet, _) = kubelet(settings(&server.url));
    let mut seen = Vec::new();
    for _ in 0..5 {
        let data = kubelet.fetch().await;
        seen.push((names(&data).len(), data.error.is_some()));
    }
    assert_eq!(seen, [(1, false), (1, true), (0, false), (1, false), (1, true)]);
}

#[tokio::test]
async fn an_empty_first_list_is_accepted() {
    let server = lists(|_| Response::ok().send(r#"{"kind":"PodList","items":null}"#)).await;
    let data = kubelet(settings(&server.url)).0.fetch().await;
    assert!(data.error.is_none() && data.pods.as_ref().unwrap().pods.is_empty());
}

#[tokio::test]
async fn a_hanging_response_times_out() {
    let server = lists(|_| Response::ok().send("{").hang()).await;
    let short = KubeletSettings { timeout: Duration::from_millis(50), ..settings(&server.url) };
    let data = kubelet(short).0.fetch().await;
    assert!(data.pods.is_none());
    let error = data.error.as_deref().unwrap();
    assert!(error.contains("no complete response within 0.05 s"), "{error}");
}

#[tokio::test]
async fn a_recovered_kubelet_is_noticed_by_the_next_fetch() {
    let server =
        lists(|list| if (1..40).contains(&list) { Response::status(500) } else { pods(&["a"]) }).await;
    let (mut kubelet, status) = kubelet(settings(&server.url));
    for _ in 0..40 {
        kubelet.fetch().await;
    }
    assert_eq!((status.snapshot().errors, status.snapshot().failures_in_a_row), (39, 39));
    let data = kubelet.fetch().await;
    assert_eq!((names(&data), &data.error), (vec!["a".to_owned()], &None));
    assert_eq!(status.snapshot().failures_in_a_row, 0);
}

/// Sends one request per tick, as the agent does.
#[tokio::test]
async fn a_hanging_summary_does_not_delay_the_pods() {
    let server = Server::start(|_, request| match request.path.as_str() {
        "/pods" => pods(&["a"]),
        _ => Response::ok().send("{").hang(),
    })
    .await;
    let (kubelet, _) = kubelet(settings(&server.url));
    let (trigger, triggers) = mpsc::channel(1);
    let (publish, mut known) = watch::channel(Arc::default());
    let task = tokio::spawn(kubelet.serve(triggers, publish));
    for tick in 1..=5 {
        trigger.send(()).await.unwrap();
        let data = known.wait_for(|data: &Arc<KubeletData>| data.pods_attempts.ended == tick).await.unwrap();
        assert!(data.pods.is_some() && data.summary.is_none() && data.summary_attempts.ended == 0);
    }
    let summaries = server.paths().iter().filter(|path| *path == "/stats/summary").count();
    assert!(summaries <= 1, "one at a time");
    drop(trigger);
    task.abort();
}

#[tokio::test]
async fn every_request_fetches_both_and_dropping_the_sender_ends_the_task() {
    let server = lists(|_| pods(&["a"])).await;
    let (kubelet, _) = kubelet(settings(&server.url));
    let (trigger, triggers) = mpsc::channel(1);
    let (publish, mut known) = watch::channel(Arc::default());
    let task = tokio::spawn(kubelet.serve(triggers, publish));
    for tick in 1..=3 {
        trigger.send(()).await.unwrap();
        let both =
            |data: &Arc<KubeletData>| data.pods_attempts.ended == tick && data.summary_attempts.ended == tick;
        assert_eq!(known.wait_for(both).await.unwrap().error, None);
    }
    assert_eq!(server.connections(), 1);
    drop(trigger);
    task.await.unwrap();
}

#[tokio::test]
async fn the_error_contains_the_time_of_the_first_failure() {
    let server = lists(|_| Response::status(500)).await;
    let (mut kubelet, _) = kubelet(settings(&server.url));
    let since = |data: &KubeletData| {
        let error = data.error.clone().unwrap();
        error.split(": ").next().unwrap().to_owned()
    };
    let first = since(&*kubelet.fetch().await);
    assert_eq!(since(&*kubelet.fetch().await), first);
}

#[tokio::test]
async fn the_token_is_sent_only_to_a_verified_kubelet() {
    let directory = tempfile::tempdir().unwrap();
    let token_file = directory.path().join("token");
    std::fs::write(&token_file, "old").unwrap();
    let secure =
        Server::start_tls(|_, request| match (request.header("authorization"), request.path.as_str()) {
            (Some("Bearer new"), "/pods") => pods(&["a"]),
            (Some("Bearer new"), _) => summary(),
            _ => Response::status(401).send("Unauthorized"),
        })
        .await;
    let with_token = |url: &str, ca: &str| KubeletSettings {
        token_file: Some(token_file.clone()),
        ca_files: vec![ca.into()],
        ..settings(url)
    };
    let (mut trusting, _) = kubelet(with_token(&secure.url, OWN_CA));
    let error = trusting.fetch().await.error.clone().unwrap();
    assert!(
        error.contains("(401)") && error.contains("authentication.webhook") && !error.contains("old"),
        "{error}"
    );
    std::fs::write(&token_file, "new").unwrap();
    assert_eq!(names(&*trusting.fetch().await), ["a"], "in the same call that was refused with the old one");

    let requests = secure.requests().len();
    let (mut wary, _) = kubelet(with_token(&secure.url, OTHER_CA));
    let error = wary.fetch().await.error.clone().unwrap();
    assert!(error.contains("not signed by a trusted CA") && error.contains("kubelet.ca_files"), "{error}");
    assert_eq!(secure.requests().len(), requests, "no request, no token");

    let plain = Server::start(|_, _| pods(&["a"])).await;
    kubelet(with_token(&plain.url, OWN_CA)).0.fetch().await;
    assert!(plain.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[tokio::test]
async fn replaced_ca_files_are_read_after_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::copy(OTHER_CA, &ca).unwrap();
    let server =
        Server::start_tls(|_, request| if request.path == "/pods" { pods(&["a"]) } else { summary() }).await;
    let (mut kubelet, _) = kubelet(KubeletSettings { ca_files: vec![ca.clone()], ..settings(&server.url) });
    assert!(kubelet.fetch().await.error.is_some());
    std::fs::copy(OWN_CA, &ca).unwrap();
    kubelet.fetch().await;
    assert_eq!(names(&*kubelet.fetch().await), ["a"]);
}

#[tokio::test]
async fn the_certificate_name_is_verified_as_configured() {
    let server =
        Server::start_tls(|_, request| if request.path == "/pods" { pods(&["a"]) } else { summary() }).await;
    for (name, insecure, good) in [
        (Some("node-a.example"), false, true),
        (Some("node-b.example"), false, false),
        (Some("node-b.example"), true, true),
    ] {
        let settings =
            KubeletSettings { server_name: name.map(str::to_owned), insecure, ..settings(&server.url) };
        let error = kubelet(settings).0.fetch().await.error.clone();
        assert_eq!(error.is_none(), good, "{name:?} {insecure}: {error:?}");
        assert!(error.is_none_or(|error| error.contains("kubelet.server_name")));
    }
}

#[tokio::test]
async fn invalid_settings_are_errors() {
    let wrong = |settings| {
        Kubelet::new(settings, Arc::new(UpstreamStatus::new("kubelet"))).err().unwrap().to_string()
    };
    let text = wrong(KubeletSettings {
        ca_files: vec!["/nowhere/ca.pem".into()],
        ..settings("https://10.0.0.7:10250")
    });
    assert!(text.contains("/nowhere/ca.pem") && text.contains("kubelet.ca_files"), "{text}");
    let empty = tempfile::NamedTempFile::new().unwrap();
    let text =
        wrong(KubeletSettings { ca_files: vec![empty.path().into()], ..settings("https://10.0.0.7:10250") });
    assert!(text.contains("contains no certificate"), "{text}");
    for url in ["10.0.0.7:10250", "https://", "ftp://10.0.0.7", "https://fd00::7:10250"] {
        let text = wrong(KubeletSettings { insecure: true, ..settings(url) });
        assert!(text.contains("invalid address of the kubelet"), "{url}: {text}");
    }
}

#[tokio::test]
async fn invalid_tls_settings_are_named() {
    let error = |settings| {
        let created = Kubelet::new(settings, Arc::new(UpstreamStatus::new("kubelet")));
        created.err().unwrap().to_string()
    };
    let own = settings("https://127.0.0.1:10250");
    let text = error(KubeletSettings { server_name: Some("a b".into()), ..own.clone() });
    assert!(text.contains("`kubelet.server_name` \"a b\" is not a DNS name or an IP address"), "{text}");
    let text = error(KubeletSettings { ca_files: vec!["tests/data/tls/server.key".into()], ..own });
    assert!(text.contains("server.key: the PEM text contains no certificate"), "{text}");
    assert!(text.contains("`kubelet.ca_files`"), "{text}");
}
