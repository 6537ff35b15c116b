//! The server of `insightctl ui`: what it refuses, and what it shows of a recording. The page itself is tested in a browser.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::common::{argument, run, text};

const INSIGHTCTL: &str = env!("CARGO_BIN_EXE_insightctl");

/// The program, which ends with the test.
struct Ui {
    child: Child,
    address: String,
    token: String,
}

impl Drop for Ui {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ui {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(INSIGHTCTL);
        command.arg("ui").args(arguments).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("an address");
        let (address, token) = line.trim().split_once("/?token=").expect("an address with a token");
        let address = address.strip_prefix("http://").expect("HTTP").to_owned();
        Self { child, address, token: token.to_owned() }
    }

    /// Sends a request with these lines of the head and a body; returns the status and the whole response.
    fn send(&self, request: &str, head: &[&str], body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("the server listens");
        let mut bytes = format!("{request} HTTP/1.1\r\n");
        head.iter().for_each(|line| bytes.push_str(&format!("{line}\r\n")));
        bytes.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        // The server may respond before it has read all, and close the connection.
        let _ = stream.write_all(bytes.as_bytes());
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        let response = text(&response);
        let status = response.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, response)
    }

    fn get(&self, path: &str) -> (u16, String) {
        let (host, token) = (format!("Host: {}", self.address), format!("X-Token: {}", self.token));
        self.send(&format!("GET {path}"), &[&host, &token], "")
    }

    fn document(&self, path: &str) -> Value {
        let (status, response) = self.get(path);
        assert_eq!(status, 200, "{response}");
        serde_json::from_str(response.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
    }
}

#[test]
fn requests_from_elsewhere_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("node.jsonl");
    assert!(run(INSIGHTCTL, &["demo", "--save", argument(&file)]).status.success());
    let ui = Ui::start(&[argument(&file)]);
    let (host, token) = (format!("Host: {}", ui.address), format!("X-Token: {}", ui.token));
    let origin = format!("Origin: http://{}", ui.address);
    let status = |request: &str, head: &[&str]| ui.send(request, head, r#"{"kind":"script","text":""}"#).0;

    assert_eq!(ui.send(&format!("GET /?token={}", ui.token), &[&host], "").0, 200);
    for head in [
        &[&*host][..],
        &[&host, "X-Token: 0"],
        &["Host: evil.example", &token],
        &[&token],
        &["Host: 127.0.0.1.evil.example:80", &token],
    ] {
        for path in ["/", "/page.js", "/api/status", "/unknown"] {
            let (status, response) = ui.send(&format!("GET {path}"), head, "");
            // A request without a host is not HTTP/1.1: the server need not look further.
            assert!(matches!(status, 400 | 403), "{path} {head:?}: {response}");
            assert!(!response.contains(&ui.token), "{response}");
        }
    }
    let run = "POST /api/playground";
    assert_eq!(status(run, &[&host, &token, &origin]), 200);
    assert_eq!(status(run, &[&host, &token]), 403);
    assert_eq!(status(run, &[&host, &token, "Origin: http://evil.example"]), 403);
    assert_eq!(status(run, &[&host, &origin]), 403);
    assert_eq!(status("PUT /api/playground", &[&host, &token, &origin]), 405);
    assert_eq!(status("POST /api/status", &[&host, &token, &origin]), 405);
    assert_eq!(ui.get("/api/playground").0, 405);
    assert_eq!(ui.send(run, &[&host, &token, &origin], &"x".repeat(600 << 10)).0, 413);
    for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "//etc/passwd", "/api/", "/ui/page.js"] {
        assert_eq!(ui.get(path).0, 404, "{path}");
    }
    let (_, page) = ui.get("/");
    let head = page.split_once("\r\n\r\n").expect("a head").0;
    for line in [
        "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
    ] {
        assert!(head.lines().any(|found| found == line), "{line}\n{head}");
    }
}

#[test]
fn a_recording_is_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("node.jsonl");
    assert!(run(INSIGHTCTL, &["demo", "--save", argument(&file)]).status.success());
    let ui = Ui::start(&[argument(&file)]);
    while ui.document("/api/status")["is_complete"] != true {}
    let rows = ui.document("/api/table?view=pods&sort=NAME")["rows"].clone();
    let names: Vec<&str> =
        rows.as_array().expect("rows").iter().filter_map(|row| row["cells"][0]["text"].as_str()).collect();
    assert!(names.len() > 3 && names.is_sorted(), "{names:?}");
    let picture = ui.document("/api/pipeline");
    assert_eq!(picture["pipelines"][0]["stages"][1]["title"], "builtin:utilization");
    while ui.document("/api/cost")["state"] == "running" {}
    assert_eq!(ui.document("/api/cost")["report"]["nodes"], 1);
}

#[test]
fn other_addresses_and_inputs_are_refused() {
    for (arguments, part) in [
        (&["--listen", "0.0.0.0:0"][..], "only a loopback address is allowed"),
        (&["-"], "give a file instead of standard input"),
        (&["/nonexistent.jsonl"], "/nonexistent.jsonl"),
    ] {
        let output = run(INSIGHTCTL, &[&["ui"], arguments].concat());
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(text(&output.stderr).contains(part), "{}", text(&output.stderr));
    }
}
