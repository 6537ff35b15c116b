//! Compatibility of the ConfigMap lock with a program that uses client-go's leader election: each accepts the other's
//! record.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::agent::NAMESPACE;
use crate::suite::{Bench, Profile, Verdict, delete_daemonset};
use crate::wait::{now_ms, until};
use crate::{cluster, sound};

const LOCK: &str = "otel-container-insight-clusterleader";
const OTHER: &str = "client-go";
const LEASE: Duration = Duration::from_secs(15);

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let Some(program) = bench.settings.interop.clone() else {
        return Ok(Verdict::Skipped("the client-go candidate was not built"));
    };
    let agent = bench.agent(Profile::Quick)?;
    agent.wait_for_ticks_within(&bench.settings, now_ms(), "Cluster", 1, Duration::from_secs(100))?;
    let ours = record()?;
    let identity = ours["holderIdentity"].as_str().unwrap_or("").to_owned();

    // The program reads the agent's record, and waits while the agent renews it.
    let mut other = Other::start(&program, bench)?;
    other.wait_for(&format!("observed {identity}"), Duration::from_secs(20))?;
    thread::sleep(LEASE + Duration::from_secs(5));
    if other.has_said("leading")? {
        bail!("{OTHER} leads at the same time: it does not see our renewals");
    }
    // The agent leaves, and the program takes over.
    delete_daemonset()?;
    bench.forget();
    other.wait_for("leading", Duration::from_secs(90))?;
    let theirs = record()?;
    if theirs["holderIdentity"] != OTHER
        || theirs["leaderTransitions"].as_u64() <= ours["leaderTransitions"].as_u64()
    {
        bail!("unexpected record {theirs} after {ours}");
    }
    // The agent returns, and does not lead.
    let agent = bench.agent(Profile::Quick)?;
    let since = now_ms();
    let output = agent.wait_for_ticks(&bench.settings, since, "Node", 10)?;
    if output.of_type("Cluster").next().is_some() {
        bail!("cluster events while {OTHER} leads");
    }
    // The program dies, and the agent takes over.
    let held = record()?;
    other.kill()?;
    let died = now_ms();
    agent.wait_for_ticks_within(&bench.settings, died, "Cluster", 2, LEASE + Duration::from_secs(30))?;
    let again = record()?;
    let expected = held["leaderTransitions"].as_u64().map(|count| count + 1);
    if again["holderIdentity"] != agent.name.as_str() || again["leaderTransitions"].as_u64() != expected {
        bail!("unexpected record {again} after {held}");
    }
    sound::no_panic(&agent.output(&bench.settings, since)?)?;
    println!("  {OTHER} took over from the agent, and the agent from it: {again}");
    Ok(Verdict::Passed)
}

/// Returns the record of the lock.
fn record() -> Result<Value> {
    let lock = cluster::get(&["-n", NAMESPACE, "configmap", LOCK])?;
    let text = lock["metadata"]["annotations"]["control-plane.alpha.kubernetes.io/leader"].as_str();
    serde_json::from_str(text.context("the lock has no record")?)
        .context("the record of the lock is not JSON")
}

/// The running program, with its output in a file.
struct Other {
    child: Child,
    output: std::path::PathBuf,
}

impl Other {
    fn start(program: &Path, bench: &Bench) -> Result<Self> {
        let output = bench.settings.work.join("interop.log");
        let file = File::create(&output)?;
        let kubeconfig = bench.settings.node_run.join("admin.kubeconfig");
        let child = Command::new(program)
            .arg("-kubeconfig")
            .arg(kubeconfig)
            .args(["-namespace", NAMESPACE, "-name", LOCK, "-identity", OTHER])
            .args(["-lease", "15s", "-renew", "10s", "-retry", "2s"])
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| program.display().to_string())?;
        Ok(Self { child, output })
    }

    fn has_said(&self, line: &str) -> Result<bool> {
        let mut text = String::new();
        File::open(&self.output)?.read_to_string(&mut text)?;
        Ok(text.lines().any(|said| said.trim() == line))
    }

    fn wait_for(&self, line: &str, limit: Duration) -> Result<()> {
        until(limit, &format!("`{line}` of the other program"), || {
            Ok(if self.has_said(line)? { Ok(()) } else { Err(std::fs::read_to_string(&self.output)?) })
        })
    }

    fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
