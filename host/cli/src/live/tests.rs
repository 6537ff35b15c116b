//! The client against a small server on a Unix socket, as the agent's is.

use std::future::Future;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use serde_json::json;

use super::lines::MAX_LINE;
use super::*;

fn run<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(task)
}

/// Responds to each connection with `respond`; the channel has the paths.
fn server(socket: &Path, respond: impl Fn(&mut UnixStream) + Send + 'static) -> mpsc::Receiver<String> {
    let listener = UnixListener::bind(socket).unwrap();
    let (paths, asked) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut first = String::new();
            let _ = reader.read_line(&mut first);
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let _ = paths.send(first.split(' ').nth(1).unwrap_or_default().to_owned());
            respond(&mut stream);
        }
    });
    asked
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Returns the error of a request for the state to a server that sends these bytes and closes.
fn error_of(bytes: Vec<u8>) -> String {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    server(&socket, move |stream| {
        // The client may close first.
        let _ = stream.write_all(&bytes);
    });
    let agent = Agent::new(Endpoint::Socket(socket.clone()));
    let error = run(agent.state()).unwrap_err().to_string();
    let prefix = format!("{}: ", socket.display());
    error.strip_prefix(&prefix).expect("the error names the socket").to_owned()
}

#[test]
fn a_state_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    let state = json!({"version": 1, "time_unix_ms": 5, "status": {"version": "0.1.0"}, "metrics": [
        {"name": "a", "labels": {"k": "v"}, "value": 1.5}, {"name": "strange"}, {"name": "b", "value": 2}]});
    let asked = server(&socket, move |stream| {
        stream.write_all(http("200 OK", &state.to_string()).as_bytes()).unwrap();
    });
    let state = run(Agent::new(Endpoint::Socket(socket)).state()).unwrap();
    assert_eq!((state.time_unix_ms, &state.status["version"]), (5, &json!("0.1.0")));
    let samples: Vec<(&str, usize, f64)> = state
        .metrics
        .iter()
        .map(|sample| (sample.name.as_str(), sample.labels.len(), sample.value))
        .collect();
    assert_eq!(samples, [("a", 1, 1.5), ("b", 0, 2.0)]);
    assert_eq!(asked.recv().unwrap(), "/v1/state");
}

#[test]
fn an_address_is_asked_by_its_ip() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (hosts, asked) = mpsc::channel();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        hosts.send(head.into_iter().find_map(|line| Some(line.strip_prefix("host: ")?.to_owned()))).unwrap();
        let state = r#"{"version":1,"time_unix_ms":9,"status":{},"metrics":[]}"#;
        stream.write_all(http("200 OK", state).as_bytes()).unwrap();
    });
    let agent = Agent::new(Endpoint::Address(format!("localhost:{port}")));
    assert_eq!(run(agent.state()).unwrap().time_unix_ms, 9);
    assert_eq!(asked.recv().unwrap(), Some(format!("127.0.0.1:{port}")));
    server.join().unwrap();
    // Nobody listens there any more.
    let error = run(agent.state()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("localhost:{port}: cannot connect: ")), "{error}");
}

#[test]
fn a_history_is_read() {
    let document = json!({"version": 1, "step_ms": 30_000, "times_unix_ms": [1, 2, 3], "series": [
        {"name": "a", "labels": {"k": "v"}, "values": [1.0, null, 2.0]}, {"name": "short", "values": [1.0]}]});
    let history = History::parse(&document.to_string()).unwrap();
    let key = ("a".to_owned(), Labels::from([("k".to_owned(), "v".to_owned())]));
    assert_eq!(history.series, [(key, vec![Some(1.0), None, Some(2.0)])].into());
}

#[test]
fn whatever_is_no_state_is_a_clear_error() {
    for (body, expected) in [
        ("", "/v1/state: not a document of insightd's API: invalid JSON: EOF while parsing"),
        ("[]", "/v1/state: not a document of insightd's API: not an object"),
        ("{}", "/v1/state: not a document of insightd's API: missing or invalid key `version`"),
        (
            r#"{"version":2}"#,
            "/v1/state: version 2 of the API; this program reads version 1: use the insightctl of the agent's release",
        ),
        (
            r#"{"version":1,"time_unix_ms":1,"status":null}"#,
            "/v1/state: not a document of insightd's API: missing or invalid key `status`",
        ),
    ] {
        let error = error_of(http("200 OK", body).into_bytes());
        assert!(error.starts_with(expected), "{body}: {error}");
    }
    assert_eq!(
        error_of(http("404 Not Found", "no such path\nsecond line").into_bytes()),
        "/v1/state: HTTP status 404: no such path"
    );
    assert!(
        error_of(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())
            .starts_with("/v1/state: not a document of insightd's API: no HTTP")
    );
    assert!(error_of(Vec::new()).starts_with("connection lost: "));
    let cut = http("200 OK", r#"{"version":1,"time_unix_ms":1}"#);
    assert!(error_of(cut.as_bytes()[..cut.len() - 3].to_vec()).starts_with("connection lost: "));
    assert_eq!(
        error_of([http("200 OK", "x").as_bytes(), b""].concat().replace(b"x", b"\xff")),
        "/v1/state: not a document of insightd's API: it is not UTF-8"
    );
}

trait Replace {
    fn replace(self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl Replace for Vec<u8> {
    /// Replaces the last byte.
    fn replace(mut self, from: &[u8], to: &[u8]) -> Vec<u8> {
        assert!(self.ends_with(from));
        self.truncate(self.len() - from.len());
        self.extend_from_slice(to);
        self
    }
}

#[test]
fn a_missing_agent_is_told_apart_from_a_forbidden_one() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    let error = || run(Agent::new(Endpoint::Socket(socket.clone())).state()).unwrap_err().failure;
    assert!(matches!(error(), Failure::NoSocket));
    drop(UnixListener::bind(&socket).unwrap());
    assert!(matches!(error(), Failure::NoListener));
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o000)).unwrap();
    // Root may connect to any socket.
    assert!(matches!(error(), Failure::Permission | Failure::NoListener));
}

#[test]
fn a_document_has_a_bound() {
    let error = error_of(
        [
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MAX_DOCUMENT + 1).into_bytes(),
            vec![b' '; MAX_DOCUMENT + 1],
        ]
        .concat(),
    );
    assert_eq!(error, format!("/v1/state: the response is larger than {MAX_DOCUMENT} bytes"));
}

#[test]
fn a_silent_agent_has_a_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    let (hold, held) = mpsc::channel::<()>();
    server(&socket, move |_| {
        let _ = held.recv();
    });
    let agent = Agent { endpoint: Endpoint::Socket(socket), timeout: Duration::from_millis(100) };
    assert!(matches!(run(agent.state()).unwrap_err().failure, Failure::Silent(_)));
    assert!(matches!(run(agent.tap(&TapQuery::default())).unwrap_err().failure, Failure::Silent(_)));
    drop(hold);
}

#[test]
fn a_tap_is_lines() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    let asked = server(&socket, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"tap\":\"ti").unwrap();
        stream.flush().unwrap();
        stream.write_all(b"ck\",\"time_unix_ms\":1}\n{\"tap\":\"skipped\",\"events\":1,\"batches\":2,\"bytes\":3}\n{\"tap").unwrap();
    });
    let agent = Agent::new(Endpoint::Socket(socket));
    let query = TapQuery {
        batches: true,
        slot: Some("transform-2".into()),
        when: Some(When::Before),
        pod: Some("a&b c".into()),
        ticks: Some(3),
        ..TapQuery::default()
    };
    run(async {
        let mut lines = agent.tap(&query).await.unwrap();
        let line = lines.next(TIMEOUT).await.unwrap().unwrap();
        assert!(matches!(Tapped::parse(&line), Ok(Tapped::Tick)), "{line}");
        let line = lines.next(TIMEOUT).await.unwrap().unwrap();
        assert!(matches!(Tapped::parse(&line), Ok(Tapped::Skipped { events: 1, batches: 2 })), "{line}");
        let error = lines.next(TIMEOUT).await.unwrap_err();
        assert!(
            error.to_string().ends_with("connection lost: the stream ended in the middle of a line"),
            "{error}"
        );
    });
    assert_eq!(
        asked.recv().unwrap(),
        "/v1/tap?at=batches&slot=transform-2&when=before&pod=a%26b%20c&ticks=3"
    );
}

#[test]
fn a_line_without_end_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    server(&socket, |stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        while stream.write_all(&[b'x'; 1 << 16]).is_ok() {}
    });
    let agent = Agent::new(Endpoint::Socket(socket));
    run(async {
        let mut lines = agent.tap(&TapQuery::default()).await.unwrap();
        let error = lines.next(TIMEOUT).await.unwrap_err();
        assert!(matches!(error.failure, Failure::LongLine(MAX_LINE)), "{error}");
    });
}

#[test]
fn lines_of_a_tap_are_parsed() {
    let batch = r#"{"tap":"batch","time_unix_ms":1,"pipeline":"node","slot":"transform-2","component":"builtin:utilization","when":"after","batch":{"scope":"node","id":"n1","time_unix_ms":1}}"#;
    let Ok(Tapped::Batch { pipeline, slot, component, when, batch }) = Tapped::parse(batch) else { panic!() };
    assert_eq!((&*pipeline, &*slot, &*component), ("node", "transform-2", "builtin:utilization"));
    assert_eq!((when, &*batch.scope_id), (Some(When::After), "n1"));
    let event = r#"{"tap":"event","time_unix_ms":1,"pipeline":"node","slot":"output-1","component":"builtin:emf","sink":"stdout","event":{"a":1}}"#;
    let Ok(Tapped::Event { time_unix_ms: 1, sink, event, .. }) = Tapped::parse(event) else { panic!() };
    assert_eq!((&*sink, event), ("stdout", json!({"a": 1})));
    assert!(matches!(Tapped::parse(r#"{"tap":"later"}"#), Ok(Tapped::Other)));
    for (line, expected) in [
        ("x", "a line of the tap is no JSON object: expected value at line 1 column 1"),
        ("{}", "a line of the tap has no `tap`"),
        (r#"{"tap":"batch"}"#, "a line of the tap has no `batch`"),
        (r#"{"tap":"batch","batch":{}}"#, "a batch of the tap: missing key `scope`"),
    ] {
        assert_eq!(Tapped::parse(line).unwrap_err(), expected);
    }
}

#[test]
fn a_command_is_run_for_the_body() {
    let exec = |script: &str| {
        let words = ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
        run(Agent::new(Endpoint::Exec(words)).state()).map_err(|error| error.failure.to_string())
    };
    let state = exec(
        r#"test "$*" = "insightd api /v1/state" && echo '{"version":1,"time_unix_ms":7,"status":{},"metrics":[]}'"#,
    );
    assert_eq!(state.unwrap().time_unix_ms, 7);
    assert_eq!(
        exec("echo first >&2; echo 'no such pod' >&2; exit 3").unwrap_err(),
        "the command of --exec failed (exit code 3): first; no such pod"
    );
    assert_eq!(
        exec("kill -9 $$").unwrap_err(),
        "the command of --exec failed (signal 9): nothing on standard error"
    );
    let missing = Agent::new(Endpoint::Exec(vec!["/nonexistent".into()]));
    let error = run(missing.state()).unwrap_err().to_string();
    assert!(error.contains("cannot start the command of --exec: /nonexistent: No such file"), "{error}");
}
