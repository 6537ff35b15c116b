//! The agent as a process.

use std::fs;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Kills the agent if a test fails halfway.
pub(crate) struct Agent(pub(crate) Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Agent {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    pub(crate) fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("K8S_NODE_NAME").env_remove("HOST_NAME").env_remove("K8S_CLUSTER_NAME");
        command.env_remove("HOST_IP").env_remove("KUBERNETES_SERVICE_HOST");
        command.envs(environment.iter().copied());
        Self(command.spawn().expect("the agent starts"))
    }

    pub(crate) fn stdout(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.0.stdout.take().expect("stdout is a pipe"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("a pid")).expect("not 0");
        kill_process(pid, signal).expect("the agent can be signalled");
    }

    /// Waits for the end. Returns the exit status and the log.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.0.stderr.take().expect("stderr is a pipe").read_to_string(&mut log).expect("the log is UTF-8");
        (self.0.wait().expect("the agent ends"), log)
    }
}

pub(crate) fn event(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
}

pub(crate) fn time_of(event: &Value) -> u64 {
    let aws = event["_aws"]["Timestamp"].as_u64();
    aws.or_else(|| event["Timestamp"].as_str()?.parse().ok()).unwrap_or_else(|| panic!("no time in {event}"))
}

pub(crate) fn config(directory: &Path, text: &str) -> String {
    let file = directory.join("insightd.yaml");
    fs::write(&file, text).expect("the configuration can be written");
    file.to_str().expect("UTF-8").into()
}
