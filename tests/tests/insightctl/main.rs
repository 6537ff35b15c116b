//! `insightd record`, and what `insightctl` does with recordings.

mod cost;
mod demo;
mod plot;
mod replay;
mod script;

use std::path::Path;
use std::process::{Command, Output};

use insightd_tests::program;

/// Runs a command to its end, without the environment that a node has: `record` and `run` of the agent, all others of `insightctl`.
fn run(arguments: &[&str]) -> Output {
    let name = match arguments.first() {
        Some(&("record" | "run")) => "insightd",
        _ => "insightctl",
    };
    let mut command = Command::new(program(name));
    for variable in ["K8S_NODE_NAME", "HOST_NAME", "K8S_CLUSTER_NAME", "KUBERNETES_SERVICE_HOST"] {
        command.env_remove(variable);
    }
    command.args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// A path as an argument.
fn argument(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}
