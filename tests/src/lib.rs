//! Shared parts of the end-to-end tests: location of the built agent, running it, and parsing its events.
//!
//! The tests run the programs and components that `make test` builds under `target/`; with `INSIGHTD_PROFILE=release`, those of `make build`.

pub mod cadvisor;
pub mod deploy;
pub mod events;
pub mod manifests;
pub mod receiver;
pub mod recorded;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

pub use events::Events;
pub use recorded::Recorded;

/// The author's guide, whose code blocks run as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/authors.md")]
pub struct AuthorsGuide;

/// Returns the top directory of the checkout.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests crate is a directory of the checkout")
}

/// Returns a file that `make programs` builds under `target/`.
///
/// # Panics
/// If the file is missing: tests of a stale or missing build are useless.
pub fn built(path: &str) -> PathBuf {
    let file = top().join("target").join(path);
    assert!(file.exists(), "{} is missing: run `make programs` first", file.display());
    file
}

/// Returns the path of `insightd` or `insightd-compile`, built with the profile in `INSIGHTD_PROFILE`, by default `quick`.
///
/// # Panics
/// If the program is missing.
pub fn program(name: &str) -> PathBuf {
    let profile = std::env::var("INSIGHTD_PROFILE");
    built(&format!("{}/{name}", profile.as_deref().unwrap_or("quick")))
}

/// Builds the components of `tests/guests` and returns their directory.
///
/// # Panics
/// If the build fails.
pub fn guests() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
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

/// Returns the directory of a recorded node: `v1-cgroupfs` or `v2-systemd`.
pub fn recording(name: &str) -> PathBuf {
    top().join("tests/fixtures/nodes").join(name)
}

/// Runs the agent until it exits.
///
/// # Panics
/// If it cannot be started.
pub fn insightd(arguments: &[&str]) -> Output {
    Command::new(program("insightd")).args(arguments).output().expect("the agent starts")
}

/// Runs `insightctl` until it exits.
///
/// # Panics
/// If it cannot be started.
pub fn insightctl(arguments: &[&str]) -> Output {
    Command::new(program("insightctl")).args(arguments).output().expect("insightctl starts")
}

/// Runs the agent and parses the events on its standard output.
///
/// # Panics
/// If it fails, or prints anything other than one JSON object per line.
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

/// Prints that a test was skipped, and the reason.
pub fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}");
}

/// The front page; its transform is compiled as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct FrontPage;
