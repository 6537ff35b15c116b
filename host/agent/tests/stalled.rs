//! The agent on a volume that does not respond: probes, ticks and signals must continue to work.
//!
//! The volume is a frozen file system, as during a snapshot: every write to it blocks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A guard against hanging tests, not a time limit of the agent.
const LONG: Duration = Duration::from_secs(120);

/// A file system in an image file, mounted on a directory.
struct Volume {
    point: PathBuf,
}

impl Volume {
    /// Creates the volume, or prints the reason and returns `None` if that is not permitted here.
    fn new(directory: &Path) -> Option<Self> {
        let (image, point) = (directory.join("image"), directory.join("volume"));
        fs::create_dir_all(&point).expect("a directory");
        fs::File::create(&image).and_then(|file| file.set_len(64 << 20)).expect("a file");
        let paths = [image.as_os_str(), point.as_os_str()];
        let made = run("mkfs.ext4", &[&["-q".as_ref()], &paths[..1]].concat())
            .and_then(|()| run("mount", &[&["-o".as_ref(), "loop".as_ref()], &paths[..]].concat()));
        if let Err(why) = made {
            let _ = writeln!(std::io::stderr(), "SKIPPED: a volume that stalls: {why}");
            return None;
        }
        let volume = Self { point };
        if let Err(why) = volume.freeze().and_then(|()| volume.thaw()) {
            let _ = writeln!(std::io::stderr(), "SKIPPED: a volume that stalls: {why}");
            return None;
        }
        Some(volume)
    }

    fn freeze(&self) -> Result<(), String> {
        run("fsfreeze", &["-f".as_ref(), self.point.as_os_str()])
    }

    fn thaw(&self) -> Result<(), String> {
        run("fsfreeze", &["-u".as_ref(), self.point.as_os_str()])
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = self.thaw();
        let _ = run("umount", &[self.point.as_os_str()]);
    }
}

fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> Result<(), String> {
    let output =
        Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

struct Agent {
    process: Child,
    address: String,
    volume: Volume,
}

impl Drop for Agent {
    fn drop(&mut self) {
        // The process cannot end while it waits for the volume.
        let _ = self.volume.thaw();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Agent {
    /// Starts an agent that ticks each second into a spool, for a service that does not exist.
    fn start(directory: &Path) -> Option<Self> {
        let volume = Volume::new(directory)?;
        let address =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").to_string();
        let spool = volume.point.join("spool");
        fs::create_dir_all(&spool).expect("a directory");
        let text = format!(
            "interval: 1s\ninstance: {{enabled: false}}\nkubelet: {{enabled: false}}\naws: {{region: eu-central-1}}\n\
             node: {{name: node-1, cluster_name: demo}}\noperations: {{listen: \"{address}\"}}\n\
             sinks:\n  logs: {{type: cloudwatch_logs, endpoint_url: \"http://127.0.0.1:9\", spool: {{dir: {}}}}}\n\
             pipelines:\n- name: node\n  transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  \
             outputs: [{{formatter: {{use: builtin:emf}}, sink: logs}}]\n",
            spool.display()
        );
        let file = directory.join("insightd.yaml");
        fs::write(&file, text).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
        command.args(["run", "--config"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::piped());
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        for variable in ["K8S_NODE_NAME", "HOST_NAME", "K8S_CLUSTER_NAME", "KUBERNETES_SERVICE_HOST"] {
            command.env_remove(variable);
        }
        let agent = Self { process: command.spawn().expect("the agent starts"), address, volume };
        agent.wait_until("it ticks", |agent| {
            agent.metric("insightd_delivery_pending_events").is_some_and(|n| n > 0.0)
        });
        Some(agent)
    }

    fn stall(&self) {
        self.volume.freeze().expect("it could be frozen before");
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
        let mut response = String::new();
        stream.read_to_string(&mut response).ok()?;
        Some(response)
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let page = self.get("/metrics")?;
        let line = page.lines().find(|line| line.starts_with(name) && !line.starts_with('#'))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Ends the agent by a signal, and thaws the volume before its last line is written. Returns the exit code and the log.
    fn end(&mut self) -> (Option<i32>, Vec<Value>) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).expect("a pid")).expect("not 0");
        kill_process(pid, Signal::TERM).expect("it can be signalled");
        let stderr = BufReader::new(self.process.stderr.take().expect("a pipe"));
        let mut log = Vec::new();
        for line in stderr.lines() {
            let Ok(line) = serde_json::from_str::<Value>(&line.expect("UTF-8")) else { continue };
            if line["message"] == "stopped" {
                let _ = self.volume.thaw();
            }
            log.push(line);
        }
        let status = self.process.wait().expect("it ends");
        (status.code(), log)
    }
}

#[test]
fn probes_ticks_and_signals_go_on_and_what_is_lost_is_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut agent) = Agent::start(directory.path()) else { return };
    agent.stall();
    agent.wait_until("it is said", |agent| agent.metric("insightd_spool_in_memory") == Some(1.0));
    let ticks = agent.metric("insightd_ticks_total").expect("ticks");
    let pending = agent.metric("insightd_delivery_pending_events").expect("events wait");
    agent.wait_until("ticks go on", |agent| agent.metric("insightd_ticks_total") > Some(ticks + 3.0));
    assert!(agent.get("/healthz").is_some_and(|response| response.starts_with("HTTP/1.1 200")));
    assert!(agent.metric("insightd_delivery_pending_events") > Some(pending), "new events wait in memory");
    assert_eq!(agent.metric("insightd_delivery_events_lost_total"), Some(0.0));
    // The volume is still frozen when the agent ends: events in memory are lost and counted.
    let (_, log) = agent.end();
    let last = log.iter().find(|line| line["message"] == "stopped").expect("the last line");
    assert!(last["lost_sink"].as_u64() > Some(0), "{last}");
    assert!(
        log.iter()
            .any(|line| line["error"].as_str().is_some_and(|error| error.contains("disk has not responded"))),
        "{log:?}"
    );
}

#[test]
fn a_volume_that_comes_back_has_everything() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut agent) = Agent::start(directory.path()) else { return };
    agent.stall();
    agent.wait_until("it is said", |agent| agent.metric("insightd_spool_in_memory") == Some(1.0));
    let ticks = agent.metric("insightd_ticks_total").expect("ticks");
    agent.wait_until("ticks go on", |agent| agent.metric("insightd_ticks_total") > Some(ticks + 2.0));
    agent.volume.thaw().expect("the volume is back");
    agent.wait_until("it is over", |agent| agent.metric("insightd_spool_in_memory") == Some(0.0));
    let (code, log) = agent.end();
    let last = log.iter().find(|line| line["message"] == "stopped").expect("the last line");
    assert_eq!((code, &last["lost_sink"]), (Some(0), &Value::from(0)), "{last}");
}
