//! What the end-to-end tests share: where the built agent is, how it is run, how its events are read.
//!
//! The tests run the programs and components that `make test` builds under `target/`; with `INSIGHTD_PROFILE=release`, those of `make build`.

pub mod cadvisor;
pub mod events;
pub mod manifests;
pub mod recorded;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

pub use events::Events;
pub use recorded::Recorded;

/// Top of the checkout.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate is a folder of the checkout")
}

/// A file that `make programs` leaves under `target/`.
///
/// # Panics
/// When it is not there: tests of a stale or missing build would show nothing.
pub fn built(path: &str) -> PathBuf {
    let file = top().join("target").join(path);
    assert!(file.exists(), "{} is missing: run `make programs` first", file.display());
    file
}

/// `insightd` or `insightd-compile`, of the profile that `INSIGHTD_PROFILE` names or else of the one that tests are built with.
///
/// # Panics
/// When it is not there.
pub fn program(name: &str) -> PathBuf {
    let profile = std::env::var("INSIGHTD_PROFILE");
    built(&format!("{}/{name}", profile.as_deref().unwrap_or("quick")))
}

/// The folder of the built components of `tests/guests`.
///
/// # Panics
/// When they do not build.
pub fn guests() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target = top().join("target/guests");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut cargo = Command::new(cargo);
        cargo.args(["build", "--quiet", "--release", "--target", "wasm32-wasip2", "--manifest-path"]);
        cargo.arg(top().join("tests/guests/Cargo.toml")).arg("--target-dir").arg(&target);
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"] {
            cargo.env_remove(variable);
        }
        assert!(cargo.status().expect("cargo starts").success(), "the guests build");
        target.join("wasm32-wasip2/release")
    })
}

/// One of the recorded nodes: `v1-cgroupfs` or `v2-systemd`.
pub fn recording(name: &str) -> PathBuf {
    top().join("tests/fixtures/nodes").join(name)
}

/// Runs the agent to its end.
///
/// # Panics
/// When it cannot be started.
pub fn insightd(arguments: &[&str]) -> Output {
    Command::new(program("insightd")).args(arguments).output().expect("the agent starts")
}

/// Runs the agent and reads the events on its standard output.
///
/// # Panics
/// When it fails or prints something else than one JSON object a line.
pub fn events(arguments: &[&str]) -> Events {
    let output = insightd(arguments);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "insightd {arguments:?} ended with {}:\n{log}", output.status);
    let text = String::from_utf8(output.stdout).expect("events are UTF-8");
    let events = text.lines().map(|line| {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
    });
    Events::new(events.collect())
}

/// Says loudly that a test did not check anything, and why.
pub fn skipped(test: &str, reason: &str) {
    eprintln!("SKIPPED: {test}: {reason}");
}
