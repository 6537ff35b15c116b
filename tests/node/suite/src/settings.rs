//! Settings of the suite from environment variables.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Type of the node under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// This machine.
    V1,
    /// The virtual machine under qemu: cgroup v2, the `systemd` driver, emulated processors.
    V2,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `SUITE_NODE`: `v1` or `v2`.
    pub(crate) node: NodeKind,
    /// `SUITE_DEPLOY`: the directory `deploy/`, with the shipped components in `transforms`.
    pub(crate) deploy: PathBuf,
    /// `SUITE_IMAGE`: the agent's image as `NAME:TAG`, present on the node.
    pub(crate) image: String,
    /// `SUITE_FIGURES`: the transform that writes raw counters, as wasm.
    pub(crate) figures: PathBuf,
    /// `SUITE_HOSTILE`: the test component that misbehaves as configured, as wasm.
    pub(crate) hostile: PathBuf,
    /// `SUITE_PROMETHEUS`: the formatter `prometheus`, as wasm.
    pub(crate) prometheus: PathBuf,
    /// `SUITE_TOLERANCES`: file of the tolerances for gauges.
    pub(crate) tolerances: PathBuf,
    /// `SUITE_SERVER`: the script that starts and stops servers of the node.
    pub(crate) server: PathBuf,
    /// `SUITE_INTEROP`: the program with client-go's leader election.
    pub(crate) interop: Option<PathBuf>,
    /// `SUITE_AWS`: port of an AWS emulator on this machine's loopback.
    pub(crate) aws_port: Option<u16>,
    /// `NODE_RUN`: state of the node's servers.
    pub(crate) node_run: PathBuf,
    /// `SUITE_WORK`: directory for files written by the suite.
    pub(crate) work: PathBuf,
    /// `SUITE_TRIES`: number of attempts for a failing test; defaults to 1. Failed attempts are always reported.
    pub(crate) tries: u32,
}

impl Settings {
    pub(crate) fn read() -> Result<Self> {
        let node = match var("SUITE_NODE")?.as_str() {
            "v1" => NodeKind::V1,
            "v2" => NodeKind::V2,
            other => bail!("invalid SUITE_NODE {other}: expected v1 or v2"),
        };
        Ok(Self {
            node,
            deploy: var("SUITE_DEPLOY")?.into(),
            image: var("SUITE_IMAGE")?,
            figures: var("SUITE_FIGURES")?.into(),
            hostile: var("SUITE_HOSTILE")?.into(),
            prometheus: var("SUITE_PROMETHEUS")?.into(),
            tolerances: var("SUITE_TOLERANCES")?.into(),
            server: var("SUITE_SERVER")?.into(),
            interop: env::var_os("SUITE_INTEROP").map(PathBuf::from),
            aws_port: env::var("SUITE_AWS")
                .ok()
                .map(|port| port.parse())
                .transpose()
                .context("SUITE_AWS is not a port")?,
            node_run: var("NODE_RUN")?.into(),
            work: var("SUITE_WORK")?.into(),
            tries: env::var("SUITE_TRIES")
                .ok()
                .map_or(Ok(1), |tries| tries.parse())
                .context("SUITE_TRIES")?,
        })
    }

    /// Returns the time between two ticks in tests that patch the configuration.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(match self.node {
            NodeKind::V1 => 3,
            NodeKind::V2 => 10,
        })
    }

    /// Returns the node's directory that the DaemonSet mounts as `/var/lib/insightd`; it is removed with the node.
    pub(crate) fn spool(&self) -> PathBuf {
        self.node_run.join("insightd-spool")
    }

    /// Returns the factor by which timeouts are longer than on a machine without emulation.
    pub(crate) fn patience(&self) -> u32 {
        match self.node {
            NodeKind::V1 => 1,
            NodeKind::V2 => 8,
        }
    }
}

fn var(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("the environment variable {name} is not set"))
}
