//! Runs Cargo and rustc as an author would, and explains how to install missing tools.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::bail;
use serde_json::Value;

const TARGET: &str = "wasm32-wasip2";

/// Errors of the tools on this machine.
#[derive(Debug, thiserror::Error)]
enum ToolError {
    #[error(
        "`{0}` is not installed, or not on the PATH: install Rust (https://rustup.rs), then run `rustup target add {TARGET}`"
    )]
    Missing(String),
    #[error("`{0}` cannot be started: {1}")]
    Start(String, io::Error),
    #[error("the Rust target {TARGET} is not installed: run `rustup target add {TARGET}` ({} is missing)", .0.display())]
    Target(PathBuf),
    #[error(
        "this Rust does not know the target {TARGET}: run `rustup update` (1.95 or newer is needed). rustc reports: {0}"
    )]
    Old(String),
}

fn program(variable: &str, name: &str) -> OsString {
    std::env::var_os(variable).filter(|value| !value.is_empty()).unwrap_or_else(|| name.into())
}

fn start_error(program: &OsString) -> impl Fn(io::Error) -> ToolError {
    let program = program.to_string_lossy().into_owned();
    move |error| match error.kind() {
        io::ErrorKind::NotFound => ToolError::Missing(program.clone()),
        _ => ToolError::Start(program.clone(), error),
    }
}

/// Checks that the target's standard library is installed: the compiler's own message does not say how to get it.
pub(super) fn check_target(directory: &Path) -> anyhow::Result<()> {
    let rustc = program("RUSTC", "rustc");
    let mut command = Command::new(&rustc);
    command.args(["--print", "target-libdir", "--target", TARGET]).current_dir(directory);
    let output = command.output().map_err(start_error(&rustc))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(ToolError::Old(said.lines().next().unwrap_or_default().into()).into());
    }
    let library = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if !library.is_dir() {
        return Err(ToolError::Target(library).into());
    }
    Ok(())
}

/// Builds the crate in `directory` with Cargo and returns the path of the component. Compiler messages go to standard error.
///
/// The crate type is `cdylib` only: Cargo skips link-time optimisation if the same build also makes an `rlib`.
pub(super) fn component(directory: &Path) -> anyhow::Result<PathBuf> {
    let cargo = program("CARGO", "cargo");
    let mut command = Command::new(&cargo);
    command.args(["rustc", "--release", "--lib", "--crate-type", "cdylib", "--target", TARGET]);
    command.args(["--message-format", "json-render-diagnostics"]);
    command.current_dir(directory).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(start_error(&cargo))?;
    if !output.status.success() {
        bail!("{}: build failed; fix the errors of Cargo above", directory.display());
    }
    let manifest = directory.join("Cargo.toml");
    let messages = String::from_utf8_lossy(&output.stdout);
    let made = messages.lines().filter_map(|line| artifact(line, &manifest)).next_back();
    made.ok_or_else(|| {
        anyhow::anyhow!(
            "{}: Cargo built no component; set `crate-type = [\"cdylib\", \"rlib\"]` in [lib]",
            manifest.display()
        )
    })
}

/// Returns the wasm file in a line of Cargo's JSON output, if the line is about an artifact of this crate.
fn artifact(line: &str, manifest: &Path) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_ours = message["reason"] == "compiler-artifact"
        && message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest);
    let files = message["filenames"].as_array().filter(|_| is_ours)?;
    let wasm = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm"))?;
    Some(wasm.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_own_component_is_found() {
        let line = |manifest: &str, file: &str| {
            format!(r#"{{"reason":"compiler-artifact","manifest_path":"{manifest}","filenames":["{file}"]}}"#)
        };
        let found = |line: &str| artifact(line, Path::new("/a/Cargo.toml"));
        assert_eq!(found(&line("/a/Cargo.toml", "/t/a.wasm")), Some("/t/a.wasm".into()));
        assert_eq!(found(&line("/b/Cargo.toml", "/t/b.wasm")), None);
        assert_eq!(found(&line("/a/Cargo.toml", "/t/liba.rlib")), None);
        assert_eq!(found(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(found("no JSON"), None);
    }
}
