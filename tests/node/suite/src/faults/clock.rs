//! The wall clock is set forward and back. Only in the virtual machine: elsewhere it would be the clock of the test machine.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::agent::AgentPod;
use crate::settings::NodeKind;
use crate::sound;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::now_ms;

const STEP: Duration = Duration::from_secs(600);

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    if bench.settings.node == NodeKind::V1 {
        return Ok(Verdict::Skipped("the clock of this machine cannot be changed; node v2 runs this test"));
    }
    let agent = bench.agent(Profile::Quick)?;
    let since = now_ms();
    agent.wait_for_ticks(&bench.settings, since, "Cluster", 2)?;
    let before = now_ms();
    set_clock(before + STEP.as_millis() as u64)?;
    let forward = ticks_since(bench, &agent, now_ms())?;
    let ahead = now_ms();
    // Back to the time without the step.
    set_clock(now_ms() - STEP.as_millis() as u64)?;
    let back = now_ms();
    let again = ticks_since(bench, &agent, back)?;
    println!("  {forward} ticks after the step forward, {again} after the step back");

    // Ticks of the future are in the same log; each time span is checked separately.
    let output = agent.output(&bench.settings, since)?;
    sound::no_panic(&output)?;
    sound::no_negative(&output)?;
    for node in output.of_type("Node") {
        // A rate over 600 s computed with 10 s, or the reverse, would be sixty times too high or too low.
        let busy = node.figure("node_cpu_utilization");
        if busy.is_none_or(|percent| percent <= 0.0 || percent > 130.0) {
            bail!("node_cpu_utilization is {busy:?} at {}", node.time_ms);
        }
    }
    let future =
        output.of_type("Node").filter(|event| event.time_ms > back + STEP.as_millis() as u64 / 2).count();
    if future == 0 || ahead < back {
        bail!("no tick while the clock was ahead");
    }
    Ok(Verdict::Passed)
}

/// Waits for the next ticks, with cluster events: the leader's lease does not depend on the wall clock. Returns the number
/// of ticks.
fn ticks_since(bench: &Bench, agent: &AgentPod, since: u64) -> Result<usize> {
    let step = bench.interval();
    for _ in 0..12 {
        thread::sleep(step);
        let output = agent.output(&bench.settings, since)?;
        let until = now_ms();
        let of = |kind: &'static str| output.of_type(kind).filter(|event| event.time_ms <= until).count();
        if of("Node") >= 3 && of("Cluster") >= 2 {
            return Ok(of("Node"));
        }
    }
    bail!("fewer than three ticks with Node and two with Cluster events within {} s", 12 * step.as_secs())
}

fn set_clock(unix_ms: u64) -> Result<()> {
    let status = Command::new("date").args(["-s", &format!("@{}", unix_ms / 1000)]).output()?;
    if !status.status.success() {
        bail!("date: {}", String::from_utf8_lossy(&status.stderr));
    }
    Ok(())
}
