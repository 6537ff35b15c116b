//! Builds the compiler child and the guests written in Rust.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Builds a package or workspace in a target directory of its own, without the variables that the outer build sets for its own crates.
fn cargo(manifest: &str, target_dir: &str, arguments: &[&str]) -> PathBuf {
    let target_dir = root().join(target_dir);
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.arg("build").arg("--quiet").args(arguments);
    command.arg("--manifest-path").arg(root().join(manifest)).arg("--target-dir").arg(&target_dir);
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "RUSTDOCFLAGS",
    ] {
        command.env_remove(variable);
    }
    let status = command.status().unwrap();
    assert!(status.success(), "cargo build of {manifest} failed: {status}");
    target_dir
}

/// Returns the path of `insightd-compile`: the value of `INSIGHTD_COMPILE`, or a fresh build.
pub(crate) fn compiler() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match std::env::var_os("INSIGHTD_COMPILE") {
        Some(path) => path.into(),
        None => cargo("host/compile/Cargo.toml", "target/compile", &["--profile", "quick"])
            .join("quick/insightd-compile"),
    })
}

/// Returns the WebAssembly of a guest in `tests/guests`.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let target = BUILT.get_or_init(|| {
        cargo("tests/guests/Cargo.toml", "target/guests", &["--release", "--target", "wasm32-wasip2"])
    });
    std::fs::read(target.join(format!("wasm32-wasip2/release/guest_{name}.wasm"))).unwrap()
}
