//! The command line.

mod address;

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Meaning of the exit codes; part of the help text.
const EXIT_CODES: &str = "\
Exit codes:
  0   success; also after SIGTERM or SIGINT, once the tick in progress is finished and delivered
  1   failure: a component failed, standard output was closed, a sink cannot be opened
  64  wrong usage or configuration; every mistake is on standard error
  128+N  a second signal N arrived before the tick was finished";

/// Example of `record` on a cluster; part of the help text.
const RECORD_EXAMPLE: &str = "\
From a node of a cluster to a file:
  kubectl exec POD -- /insightd record --interval 10s \\
    --config /etc/insightd/config/insightd.yaml > node.jsonl
Both programs share the container's memory limit.";

/// CloudWatch Container Insights for Kubernetes and ECS
///
/// Reads data of the kernel, Kubernetes and ECS, runs it through sandboxed components, and delivers the events that they
/// produce. Without a configuration file it prints the events of this machine to standard output.
#[derive(Debug, Parser)]
#[command(name = "insightd", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Collect and deliver until a signal arrives
    Run(Run),
    /// Validate a configuration: keys, values, components, and the configuration of each component
    ///
    /// Prints every problem with its line, and starts nothing. Components named `file:NAME` are compiled as at
    /// start-up. A sample node and a sample cluster run through the pipelines; their events are not delivered.
    Check(Check),
    /// Show the pipelines and components of a running agent, and the state of the rollout of those in the files
    ///
    /// Queries the operations server of the agent. The exit code is 1 if it does not answer.
    Status(Status),
    /// Print a document of a running agent: /v1/state, /v1/history, or /v1/tap, which goes on until it is interrupted
    ///
    /// Queries the Unix socket of the agent, which only its own user can connect to. In a pod:
    /// `kubectl exec POD -- insightd api /v1/tap?at=events`. `insightctl top` and `insightctl tap` show the same for people.
    Api(Api),
    /// Manage the state of transforms
    #[command(subcommand)]
    State(State),
    /// Print the default configuration, or the schema of configuration files
    #[command(subcommand)]
    Config(Config),
    /// Record the data of the sources, before any component processes it
    ///
    /// Writes one JSON value a line: a header, then batches in the form of batch.json of a golden case. Reads the same
    /// sources as `run` with the same configuration; runs no component, delivers nothing, and takes no part in the
    /// leader election. Messages go to standard error.
    #[command(after_help = RECORD_EXAMPLE)]
    Record(Record),
}

/// Options of `run`. They take precedence over the configuration file, which takes precedence over the environment.
#[derive(Clone, Debug, Default, Args)]
pub struct Run {
    /// Configuration file [default: the settings that `insightd config default` prints]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Log level, in place of `log.level` of the configuration: `debug`, or `info,insightd_collect=debug`
    #[arg(long, value_name = "LEVEL", value_parser = crate::config::log_level)]
    pub log_level: Option<String>,
    /// Stop after one tick
    ///
    /// The first sample is the baseline of the rates; the tick follows one second later (or after the interval, if that
    /// is shorter). In a recording the first frame is the baseline, and the second one the tick.
    #[arg(long)]
    pub once: bool,
    /// Time between two ticks, such as 2s or 500ms
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    pub interval: Option<Duration>,
    /// Root of the host's file system, or a recording: a directory with a manifest.json. Without --once, every frame of
    /// a recording after the first is a tick
    #[arg(long, value_name = "DIR")]
    pub host_root: Option<PathBuf>,
    /// Deliver a recording to this sink of the configuration; may be repeated
    ///
    /// Events of a recording are printed to standard output, whatever sinks the outputs name, unless a sink is named
    /// here. A recording never reads or writes the state directory or the spools of a running agent.
    #[arg(long, value_name = "NAME")]
    pub sink: Vec<String>,
}

/// Options of `check`.
#[derive(Clone, Debug, Args)]
pub struct Check {
    /// Configuration file; `-` reads standard input
    #[arg(required_unless_present = "config")]
    pub file: Option<PathBuf>,
    /// Same as FILE
    #[arg(short, long, value_name = "FILE", conflicts_with = "file")]
    pub config: Option<PathBuf>,
    /// Also check the files, directories and credentials that the configuration needs on this machine
    #[arg(long)]
    pub environment: bool,
}

/// Subcommands of `state`.
#[derive(Clone, Debug, Subcommand)]
pub enum State {
    /// Clear the state of transforms at the end of the next tick of the agent
    Clear {
        /// The `state_dir` of the agent
        #[arg(long, value_name = "DIR", default_value = "/var/lib/insightd")]
        state_dir: PathBuf,
        /// Transforms to clear, as `insightd status` names them: PIPELINE/NAME [default: all]
        transforms: Vec<String>,
    },
}

/// Subcommands of `config`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Config {
    /// Print every key with its default and its effect, as a configuration file that changes nothing
    Default,
    /// Print the JSON Schema (draft 2020-12) of configuration files, for editors and linters
    Schema,
}

impl Config {
    /// Returns the text to print.
    ///
    /// # Errors
    /// The program is damaged.
    pub fn text(self) -> std::io::Result<String> {
        match self {
            Self::Default => Ok(crate::config::DEFAULT.to_owned()),
            Self::Schema => crate::config::schema(),
        }
    }
}

/// Options of `status`.
#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Address of the running agent, that of its `operations.listen`: `localhost:9464`, `10.0.0.7:9464` or `[::1]:9464`
    #[arg(long, value_name = "HOST:PORT", value_parser = address::address, default_value = "127.0.0.1:9464")]
    pub address: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `api`.
#[derive(Clone, Debug, Args)]
pub struct Api {
    /// Path and query, such as /v1/state or '/v1/tap?at=events&type=Pod' (docs/operations.md lists them)
    pub path: String,
    /// Unix socket of the agent: its `operations.socket`
    #[arg(long, value_name = "FILE", default_value = "/var/lib/insightd/api.sock")]
    pub socket: PathBuf,
    /// Address of the agent's `operations.listen` in place of the socket
    #[arg(long, value_name = "HOST:PORT", value_parser = address::address, conflicts_with = "socket")]
    pub address: Option<String>,
}

/// Options of `record`. They take precedence over the configuration file, which takes precedence over the environment.
#[derive(Debug, Args)]
pub struct Record {
    /// Configuration file of the agent on the node
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Log level, in place of `log.level` of the configuration: `debug`, or `info,insightd_collect=debug`
    #[arg(long, value_name = "LEVEL", value_parser = crate::config::log_level)]
    pub log_level: Option<String>,
    /// Stop after this number of ticks [default: 5, or as many as fit into --duration]
    #[arg(long, value_name = "N")]
    pub ticks: Option<NonZero<u64>>,
    /// Stop with the first tick after this time, such as 10m
    #[arg(long, value_name = "DURATION", value_parser = crate::config::duration)]
    pub duration: Option<Duration>,
    /// Stop before the recording is larger than this, such as 8MiB
    #[arg(long, value_name = "SIZE", value_parser = crate::config::size, default_value = "64MiB")]
    pub max_bytes: u64,
    /// Replace the values of labels and annotations by a short hash
    ///
    /// Equal values have equal hashes in all recordings. Keys are kept, and listed on standard error at the end; so are
    /// pod template hashes, without which pods have no owners. A hash hides a value from readers, but not from somebody
    /// who tries likely values. Names of pods, namespaces, images and nodes are kept.
    #[arg(long)]
    pub redact: bool,
    /// Also record the cluster as the elected agent sees it: lists and watches nodes, pods and workloads
    #[arg(long)]
    pub cluster: bool,
    /// Also record the facts that `run` reads only if a component names them: CPU time by CPU, all of /proc/meminfo and
    /// /proc/diskstats, load, start times
    #[arg(long)]
    pub all_facts: bool,
    /// Write to this file, which must not exist [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Time between two ticks, such as 2s or 500ms
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    pub interval: Option<Duration>,
    /// Root of the host's file system, or a recorded node: a directory with a manifest.json. Every frame of a recorded
    /// node after the first is a tick
    #[arg(long, value_name = "DIR")]
    pub host_root: Option<PathBuf>,
}

impl Record {
    /// Returns the options that `run` has as well.
    pub fn as_run(&self) -> Run {
        let Self { config, log_level, interval, host_root, .. } = self;
        Run {
            config: config.clone(),
            log_level: log_level.clone(),
            once: false,
            interval: *interval,
            host_root: host_root.clone(),
            sink: Vec::new(),
        }
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    crate::config::interval(text)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_run() {
        let arguments = ["insightd", "run", "--once", "--interval", "500ms", "--host-root", "/rootfs"];
        let Command::Run(run) = Cli::try_parse_from(arguments).unwrap().command else { panic!() };
        assert!(run.once && run.config.is_none());
        assert_eq!(run.interval, Some(Duration::from_millis(500)));
        let error = Cli::try_parse_from(["insightd", "run", "--interval", "2"]).unwrap_err().to_string();
        assert!(error.contains("invalid duration `2`"), "{error}");
        let arguments = ["insightd", "run", "-c", "a.yaml", "--log-level", "info,transform=debug"];
        let Command::Run(run) = Cli::try_parse_from(arguments).unwrap().command else { panic!() };
        assert_eq!(run.config.as_deref(), Some(std::path::Path::new("a.yaml")));
        assert_eq!(run.log_level.as_deref(), Some("info,transform=debug"));
    }
}
