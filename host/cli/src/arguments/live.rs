//! Options of commands about a running agent.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::live::{DEFAULT_SOCKET, Endpoint, When};

/// Examples of `top`; part of the help text.
pub(super) const TOP_EXAMPLE: &str = "\
On a node, in a pod of a cluster, and over a recording:
  sudo insightctl top
  insightctl top --exec 'kubectl exec -n amazon-cloudwatch POD --'
  insightctl top node.jsonl";

/// Examples of `tap`; part of the help text.
pub(super) const TAP_EXAMPLE: &str = "\
Events of one pod, and what a stage changes:
  sudo insightctl tap --pod web-7d4b9 --table
  sudo insightctl tap --before-after transform-2 --ticks 1";

/// The way to the agent.
#[derive(Clone, Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Agent {
    /// Socket of the agent: api.sock in its `state_dir` [default: /var/lib/insightd/api.sock]
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Address of the agent, that of its `operations.listen`. It has no batches and events, only the agent's own figures
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) address: Option<String>,
    /// Command that runs `insightd` beside the agent, such as 'kubectl exec -n NAMESPACE POD --'. Split into words as by a
    /// shell, without expansions; `insightd api PATH` is appended
    #[arg(long, value_name = "COMMAND", value_parser = command)]
    pub(crate) exec: Option<Words>,
}

/// The words of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words(Vec<String>);

impl Agent {
    /// Returns the way to the agent.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match (&self.socket, &self.address, &self.exec) {
            (_, _, Some(Words(words))) => Endpoint::Exec(words.clone()),
            (_, Some(address), _) => Endpoint::Address(address.clone()),
            (socket, ..) => Endpoint::Socket(socket.clone().unwrap_or_else(|| DEFAULT_SOCKET.into())),
        }
    }
}

/// Options of `top`.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Recording of `insightd record`, instead of a running agent
    #[arg(conflicts_with_all = ["socket", "address", "exec"])]
    pub(crate) recording: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) agent: Agent,
    /// Configuration file for the recording [default: the built-in pipelines]
    #[arg(short, long, value_name = "FILE", requires = "recording")]
    pub(crate) config: Option<PathBuf>,
    /// Only batches of the pipeline of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Option<String>,
    /// View to begin with [default: pods]
    #[arg(long, value_enum)]
    pub(crate) view: Option<View>,
    /// Column or metric to sort that view by, such as MEMORY
    #[arg(long, value_name = "NAME")]
    pub(crate) sort: Option<String>,
    /// Time between two requests for the agent's state, and between two frames of a recording that plays
    #[arg(long, value_name = "DURATION", value_parser = interval, default_value = "2s")]
    pub(crate) interval: Duration,
    /// Print the view once as a plain table; so does an output that is not a terminal, and TERM=dumb
    #[arg(long)]
    pub(crate) once: bool,
    /// No colours; so does the environment variable NO_COLOR
    #[arg(long)]
    pub(crate) no_color: bool,
    /// Only ASCII characters; so does a locale that is not UTF-8, and TERM=linux
    #[arg(long)]
    pub(crate) ascii: bool,
}

/// Options of `tap`.
#[derive(Debug, Args)]
pub(crate) struct Tap {
    #[command(flatten)]
    pub(crate) agent: Agent,
    /// Events of outputs, or batches of stages
    #[arg(long, value_enum, default_value_t = At::Events)]
    pub(crate) at: At,
    /// Only this pipeline
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Option<String>,
    /// Only this slot, such as transform-2 or output-1. Without it, batches are those after the last transform
    #[arg(long, value_name = "SLOT")]
    pub(crate) slot: Option<String>,
    /// Only batches on this side of the slot
    #[arg(long, value_enum, requires = "slot")]
    pub(crate) when: Option<Side>,
    /// Only events of this type, such as Pod, or batches' entities of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Only objects in this namespace
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Only this pod
    #[arg(long, value_name = "NAME")]
    pub(crate) pod: Option<String>,
    /// Only what has this metric
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// Only one of N ticks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every: Option<u64>,
    /// Stop after N ticks [default: at Ctrl-C]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) ticks: Option<u64>,
    /// Bound of the stream in bytes a second, such as 1MiB; the agent leaves out what is beyond it, and says how much
    #[arg(long, value_name = "SIZE", value_parser = insightd::config::size)]
    pub(crate) rate: Option<u64>,
    /// Print a line for each event or entity instead of JSON
    #[arg(long)]
    pub(crate) table: bool,
    /// Show what this stage changes in each batch, such as transform-2
    #[arg(long, value_name = "SLOT", conflicts_with_all = ["at", "slot", "when", "table"])]
    pub(crate) before_after: Option<String>,
    /// No colours; so does the environment variable NO_COLOR
    #[arg(long)]
    pub(crate) no_color: bool,
}

/// Views of `top`, in the order of their tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    Nodes,
    Pods,
    Containers,
    Stages,
    Sinks,
    Rollout,
    Sources,
}

/// Points of a pipeline that can be tapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum At {
    Events,
    Batches,
}

/// Sides of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    Before,
    After,
}

impl From<Side> for When {
    fn from(side: Side) -> Self {
        match side {
            Side::Before => Self::Before,
            Side::After => Self::After,
        }
    }
}

fn address(text: &str) -> Result<String, String> {
    let is_host = |host: &str| !host.is_empty() && !host.contains([':', '/', '[', ']', '@', ' ']);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_named = text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && is_port(port));
    match is_named || text.parse::<SocketAddr>().is_ok_and(|address| address.port() > 0) {
        true => Ok(text.to_owned()),
        false => Err("expected HOST:PORT, such as localhost:9464 or [::1]:9464".into()),
    }
}

fn command(text: &str) -> Result<Words, String> {
    let words = shlex::split(text).ok_or("a quote is not closed, or nothing follows a backslash")?;
    match words.is_empty() {
        true => Err("expected a command, such as 'kubectl exec -n NAMESPACE POD --'".into()),
        false => Ok(Words(words)),
    }
}

pub(super) fn interval(text: &str) -> Result<Duration, String> {
    let interval = insightd::config::duration(text)?;
    match (Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&interval) {
        true => Ok(interval),
        false => Err("expected a duration from 100ms to 1h".into()),
    }
}
