//! The processes of a test: receivers on free ports of loopback, and the agent that delivers to them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Time within which a receiver must start. The machine may be busy.
const START: Duration = Duration::from_secs(60);

/// Returns the directory of the receivers; `None`, with a line SKIPPED, if they were not built.
pub(crate) fn receivers(test: &str) -> Option<PathBuf> {
    let directory = std::env::var_os("INSIGHTD_TEST_RECEIVERS");
    if directory.is_none() {
        insightd_tests::skipped(
            test,
            "INSIGHTD_TEST_RECEIVERS is not set; `make test-receivers` builds receivers and sets it",
        );
    }
    directory.map(PathBuf::from)
}

/// A child process that ends with the test.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    /// Port that it listens on.
    pub(crate) port: u16,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn start(mut command: Command, directory: &Path, name: &str, port: u16) -> Self {
        let log = directory.join(format!("{name}.log"));
        let output = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut process = Self { child: command.spawn().unwrap(), log, port };
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = process.child.try_wait().unwrap();
            let log = fs::read_to_string(&process.log).unwrap_or_default();
            assert!(ended.is_none() && start.elapsed() < START, "{name} does not listen: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
        process
    }

    /// Ends the process as an operator would, so that it writes what it holds.
    pub(crate) fn terminate(mut self) {
        let id = i32::try_from(self.child.id()).unwrap();
        // SAFETY: sends a signal to a child that was not waited for, so the id is still its own.
        let sent = unsafe { libc::kill(id, libc::SIGTERM) };
        assert_eq!(sent, 0);
        self.child.wait().unwrap();
    }
}

/// Starts the agent with a configuration file; it listens on `port`.
pub(crate) fn agent(directory: &Path, config: &Path, port: u16) -> Process {
    agent_of(directory, config, port, Path::new("/"))
}

/// The same for the host whose files are below `host_root`.
pub(crate) fn agent_of(directory: &Path, config: &Path, port: u16, host_root: &Path) -> Process {
    let mut command = Command::new(insightd_tests::program("insightd"));
    command.args(["run", "--interval", "1s", "--host-root"]).arg(host_root).arg("--config").arg(config);
    Process::start(command, directory, "insightd", port)
}

/// Runs `promtool check metrics` on a page. Returns its report, empty if it has no objection.
pub(crate) fn promtool(programs: &Path, page: &str) -> String {
    let mut promtool = Command::new(programs.join("promtool"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().unwrap();
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Starts an OpenTelemetry collector that writes what it receives to `received.json` in `directory`.
pub(crate) fn collector(programs: &Path, directory: &Path) -> Process {
    let port = free_port();
    let config = format!(
        "receivers:\n  otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{port}'}}}}}}\n\
         exporters:\n  file: {{path: {}}}\n\
         service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n    metrics: {{receivers: [otlp], exporters: [file]}}\n",
        directory.join("received.json").display()
    );
    let file = directory.join("collector.yaml");
    fs::write(&file, config).unwrap();
    let mut command = Command::new(programs.join("collector"));
    command.arg("--config").arg(&file);
    Process::start(command, directory, "collector", port)
}

/// Starts a Prometheus server that receives OTLP and remote write at its API, and scrapes the page of an agent on `target`.
pub(crate) fn prometheus(programs: &Path, directory: &Path, target: Option<u16>) -> Process {
    let mut config = "otlp: {translation_strategy: NoTranslation, promote_all_resource_attributes: true}\n\
                      storage: {tsdb: {out_of_order_time_window: 1h}}\n"
        .to_owned();
    if let Some(target) = target {
        config.push_str(&format!(
            "scrape_configs: [{{job_name: insightd, scrape_interval: 1s, metrics_path: /metrics/workloads, \
             static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]\n"
        ));
    }
    prometheus_with(programs, directory, &config)
}

/// Starts a Prometheus server with a configuration, and waits until it accepts queries.
pub(crate) fn prometheus_with(programs: &Path, directory: &Path, config: &str) -> Process {
    let port = free_port();
    let file = directory.join("prometheus.yml");
    fs::write(&file, config).unwrap();
    let mut command = Command::new(programs.join("prometheus"));
    command
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", directory.join("tsdb").display()))
        .arg("--storage.tsdb.retention.time=100y")
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(["--web.enable-otlp-receiver", "--web.enable-remote-write-receiver"]);
    let prometheus = Process::start(command, directory, "prometheus", port);
    while !get(port, "/-/ready").0.contains(" 200 ") {
        std::thread::sleep(Duration::from_millis(50));
    }
    prometheus
}

/// Returns the result of an instant query at a time.
pub(crate) fn query(prometheus: &Process, query: &str, time_unix_ms: u64) -> Vec<Value> {
    let encoded: String = query
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let seconds = format!("{}.{:03}", time_unix_ms / 1000, time_unix_ms % 1000);
    let (_, response) = get(prometheus.port, &format!("/api/v1/query?query={encoded}&time={seconds}"));
    let response: Value = serde_json::from_str(&response).unwrap_or_else(|_| panic!("{response}"));
    assert_eq!(response["status"], "success", "{query}: {response}");
    response["data"]["result"].as_array().unwrap().clone()
}

/// Returns the status line and the body of a response.
pub(crate) fn get(port: u16, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    // HTTP/1.0: no chunks, and the end of the body is the end of the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{response}"));
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
