//! The agent on a volume that does not answer: whatever stands still then, probes, ticks and signals do not.
//!
//! A small library in front of the C library makes writes at an offset (those of the spool) wait while a file is there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A guard against hanging tests, not a bound of the agent's.
const LONG: Duration = Duration::from_secs(120);

const STALLING: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>
ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    const char *stalled = getenv("TEST_STALLED");
    while (stalled && access(stalled, F_OK) == 0) usleep(20000);
    return real(fd, bytes, count, offset);
}
"#;

/// The library, or the reason why there is none.
fn stalling(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("stall.c"), folder.join("stall.so"));
    fs::write(&source, STALLING).expect("a file");
    let made =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").output();
    if made.is_ok_and(|made| made.status.success()) {
        return Some(library);
    }
    eprintln!("SKIPPED: a volume that stalls: `cc` makes no shared library here");
    None
}

struct Agent {
    process: Child,
    address: String,
    stalled: PathBuf,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.stalled);
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Agent {
    /// Ticks each second into a spool, for a service that is not there.
    fn start(folder: &Path) -> Option<Self> {
        let library = stalling(folder)?;
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").to_string();
        let spool = folder.join("spool");
        fs::create_dir_all(&spool).expect("a folder");
        let text = format!(
            "interval: 1s\ninstance: {{enabled: false}}\nkubelet: {{enabled: false}}\naws: {{region: eu-central-1}}\n\
             node: {{name: node-1, cluster_name: demo}}\noperations: {{listen: \"{address}\"}}\n\
             sinks:\n  logs: {{type: cloudwatch_logs, endpoint_url: \"http://127.0.0.1:9\", spool: {{dir: {}}}}}\n\
             pipelines:\n- name: node\n  transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  \
             outputs: [{{formatter: {{use: builtin:emf}}, sink: logs}}]\n",
            spool.display()
        );
        let (file, stalled) = (folder.join("insightd.yaml"), folder.join("stalled"));
        fs::write(&file, text).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
        command.args(["run", "--config"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::piped());
        command.env("LD_PRELOAD", library).env("TEST_STALLED", &stalled);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        for variable in ["K8S_NODE_NAME", "HOST_NAME", "K8S_CLUSTER_NAME", "KUBERNETES_SERVICE_HOST"] {
            command.env_remove(variable);
        }
        let agent = Self { process: command.spawn().expect("the agent starts"), address, stalled };
        agent.wait_until("it ticks", |agent| {
            agent.metric("insightd_delivery_pending_events").is_some_and(|n| n > 0.0)
        });
        Some(agent)
    }

    fn stall(&self) {
        fs::write(&self.stalled, "").expect("a file");
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + LONG;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "never: {what}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(LONG)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let page = self.get("/metrics")?;
        let line = page.lines().find(|line| line.starts_with(name) && !line.starts_with('#'))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Ends it by a signal. Gives the exit code and the log.
    fn end(&mut self) -> (Option<i32>, Vec<Value>) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a pid")).expect("not 0");
        kill_process(pid, Signal::TERM).expect("it can be signalled");
        let mut log = String::new();
        let mut stderr = self.process.stderr.take().expect("a pipe");
        stderr.read_to_string(&mut log).expect("UTF-8");
        let status = self.process.wait().expect("it ends");
        let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        (status.code(), lines.collect())
    }
}

#[test]
fn probes_ticks_and_signals_go_on_and_what_is_lost_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut agent) = Agent::start(folder.path()) else { return };
    agent.stall();
    agent.wait_until("it is said", |agent| agent.metric("insightd_spool_in_memory") == Some(1.0));
    let ticks = agent.metric("insightd_ticks_total").expect("ticks");
    let pending = agent.metric("insightd_delivery_pending_events").expect("events wait");
    agent.wait_until("ticks go on", |agent| agent.metric("insightd_ticks_total") > Some(ticks + 3.0));
    assert!(agent.get("/healthz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    assert!(agent.metric("insightd_delivery_pending_events") > Some(pending), "new events wait in memory");
    assert_eq!(agent.metric("insightd_delivery_events_lost_total"), Some(0.0));
    // The volume is still away when it ends: what waits in memory is lost, and counted.
    let (_, log) = agent.end();
    assert!(agent.stalled.exists());
    let last = log.iter().find(|line| line["message"] == "stopped").expect("the last line");
    assert!(last["lost_sink"].as_u64() > Some(0), "{last}");
    assert!(
        log.iter()
            .any(|line| line["error"].as_str().is_some_and(|error| error.contains("disk has not answered"))),
        "{log:?}"
    );
}

#[test]
fn a_volume_that_comes_back_has_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut agent) = Agent::start(folder.path()) else { return };
    agent.stall();
    agent.wait_until("it is said", |agent| agent.metric("insightd_spool_in_memory") == Some(1.0));
    let ticks = agent.metric("insightd_ticks_total").expect("ticks");
    agent.wait_until("ticks go on", |agent| agent.metric("insightd_ticks_total") > Some(ticks + 2.0));
    fs::remove_file(&agent.stalled).expect("the volume is back");
    agent.wait_until("it is over", |agent| agent.metric("insightd_spool_in_memory") == Some(0.0));
    let (code, log) = agent.end();
    let last = log.iter().find(|line| line["message"] == "stopped").expect("the last line");
    assert_eq!((code, &last["lost_sink"]), (Some(0), &Value::from(0)), "{last}");
}
