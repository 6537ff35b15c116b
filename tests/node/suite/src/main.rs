//! Tests of the agent on a real Kubernetes node, from outside.
//!
//! `insightd-node-suite [--list] [[--without] FILTER...]` deploys a workload and the agent to the node that `kubectl` reaches, reads the
//! agent's output, and compares it with the API server and the kubelet. It prints one line per test: `ok`, `FAILED` or `SKIPPED`. It runs as
//! root on the node itself; environment variables hold its settings (`settings.rs`).

mod agent;
mod checks;
mod cluster;
mod counters;
mod emulator;
mod event;
mod fargate;
mod faults;
mod gate;
mod interop;
mod node;
mod settings;
mod sound;
mod suite;
mod tolerances;
mod wait;
mod workload;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for test in suite::TESTS {
            println!("{}: {}", test.name, test.about);
        }
        return ExitCode::SUCCESS;
    }
    match suite::run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cannot run the suite: {error:#}");
            ExitCode::FAILURE
        }
    }
}
