//! Check of `deploy/base`, unchanged except for the image, the cluster name and the host's directory for the state.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::sound;
use crate::suite::{Bench, Profile, Verdict};

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let pod = bench.agent(Profile::Shipped)?;
    for path in ["/healthz", "/readyz"] {
        let (status, body) = pod.ask(path)?;
        if status != 200 {
            bail!("{path} returned {status}: {body}");
        }
    }
    // Two intervals of 60 s after the start the event is complete; the pod started a while ago.
    let limit = Duration::from_secs(125);
    let output = pod.wait_for_ticks_within(&bench.settings, 0, "Cluster", 1, limit)?;
    sound::no_panic(&output)?;
    sound::no_negative(&output)?;
    for kind in ["Node", "NodeFS", "NodeNet", "Pod", "Container", "Cluster", "ClusterNamespace"] {
        if output.of_type(kind).next().is_none() {
            bail!("no event of type {kind} up to the tick with Cluster events");
        }
    }
    Ok(Verdict::Passed)
}
