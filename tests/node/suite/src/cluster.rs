//! Access to the API server with `kubectl`.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

/// Runs `kubectl` and returns its output.
pub(crate) fn kubectl(arguments: &[&str]) -> Result<String> {
    run(arguments, None)
}

/// Runs `kubectl` with a standard input and returns its output.
pub(crate) fn kubectl_with(arguments: &[&str], input: &str) -> Result<String> {
    run(arguments, Some(input))
}

/// Runs `kubectl apply` with a text.
pub(crate) fn apply(text: &str, more: &[&str]) -> Result<()> {
    let mut arguments = vec!["apply", "-f", "-"];
    arguments.extend(more);
    kubectl_with(&arguments, text).map(|_| ())
}

/// Returns objects as JSON, as in `get(&["pods", "-A"])`.
pub(crate) fn get(arguments: &[&str]) -> Result<Value> {
    let mut all = vec!["get", "-o", "json"];
    all.extend(arguments);
    serde_json::from_str(&kubectl(&all)?).context("the output of kubectl is not JSON")
}

/// Returns the items of a list.
pub(crate) fn list(arguments: &[&str]) -> Result<Vec<Value>> {
    let mut list = get(arguments)?;
    Ok(serde_json::from_value(list["items"].take()).unwrap_or_default())
}

/// Retries TLS handshake timeouts: on emulated processors the API server is sometimes too slow for a handshake.
fn run(arguments: &[&str], input: Option<&str>) -> Result<String> {
    for _ in 0..3 {
        match try_once(arguments, input) {
            Err(error) if format!("{error:#}").contains("TLS handshake timeout") => {}
            result => return result,
        }
    }
    try_once(arguments, input)
}

fn try_once(arguments: &[&str], input: Option<&str>) -> Result<String> {
    let what = || format!("kubectl {}", arguments.join(" "));
    let mut child = Command::new("kubectl")
        .args(arguments)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(what)?;
    let stdin = child.stdin.take();
    // Written in parallel: if the child fills its output before it has read all input, both sides would block.
    let (written, output) = thread::scope(|scope| {
        let writer = scope.spawn(|| match (input, stdin) {
            (Some(text), Some(mut stdin)) => stdin.write_all(text.as_bytes()),
            _ => Ok(()),
        });
        let output = child.wait_with_output();
        (writer.join(), output)
    });
    let output = output.with_context(what)?;
    if !output.status.success() {
        bail!("{}: {}", what(), String::from_utf8_lossy(&output.stderr).trim());
    }
    written.map_err(|_| anyhow!("the thread that writes to kubectl panicked"))?.with_context(what)?;
    String::from_utf8(output.stdout).with_context(what)
}
