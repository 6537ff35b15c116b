//! The command line.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Meaning of the exit codes; part of the help text.
const EXIT_CODES: &str = "\
Exit codes:
  0   done; also after SIGTERM or SIGINT, when the tick in progress was finished and delivered
  1   could not do it: a test case failed, a component fails or does not build, standard output
      was closed, a sink cannot be opened; of `diff`: the events differ
  64  wrong usage or wrong configuration; everything that is wrong is on standard error
  128+N  a second signal N came before the tick was finished";

/// Example of `record` on a cluster; part of the help text.
const RECORD_EXAMPLE: &str = "\
From a node of a cluster to a file:
  kubectl exec POD -- /insightd record --interval 10s \\
    --config /etc/insightd/config/insightd.yaml > node.jsonl
Both programs share the container's memory limit.";

/// Meaning of the exit codes of `diff`, which are those of the program diff(1).
const DIFF_EXIT_CODES: &str = "\
Exit codes:
  0   the events say the same
  1   they differ
  2   they could not be compared
  64  wrong usage or wrong configuration";

/// Container Insights for Kubernetes and ECS nodes.
///
/// Reads kernel and kubelet facts, runs them through sandboxed components, delivers the events that they
/// make. Without a configuration file it prints this machine's events on standard output.
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
    /// Collect and deliver until a signal comes.
    Run(Run),
    /// Check a configuration: keys, values, components, and each component's own configuration.
    ///
    /// Prints every problem with its line, and nothing is started. Components named `file:NAME` are compiled
    /// as they would be at start. A sample node and a sample cluster run through the pipelines; nothing of it is delivered.
    Check {
        /// The configuration.
        file: PathBuf,
        /// Also look for the files, directories and credentials that it needs on this machine.
        #[arg(long)]
        environment: bool,
    },
    /// Show what a running agent runs: its set of pipelines and components, and what became of the one in the files.
    ///
    /// Asks the agent's operations server. Exit code 1 where none answers.
    Status(Status),
    /// What transforms remember.
    #[command(subcommand)]
    State(State),
    /// Work on a component: begin one, build it, test it, look into it.
    #[command(subcommand)]
    Transform(Transform),
    /// Write down what the sources give, before any component has seen it.
    ///
    /// One JSON value a line: what the file is, then batches in the form of a golden case's batch.json. Asks the same host,
    /// kubelet and API server as `run` with the same configuration; runs no component, delivers nothing, stands for no
    /// election. What it says of itself goes to standard error.
    #[command(after_help = RECORD_EXAMPLE)]
    Record(Record),
    /// Run the batches of a recording through a configuration's pipelines, and print the events.
    ///
    /// Events come on standard output as the stdout sink writes them, whatever sinks the outputs name. Nothing is asked
    /// and nothing delivered. A component that cannot be used is an error here: no built-in takes its place. Batches a
    /// second are said on standard error at the end.
    Replay(Replay),
    /// Compare what two configurations, or two versions of a component, make of a recording.
    ///
    /// Events are matched by route, time and attributes; what is left, by the values of the dimensions that they declare.
    /// An attribute that only one side has at all does not keep events from being matched.
    #[command(after_help = DIFF_EXIT_CODES)]
    Diff(Diff),
    /// Work on a program of the component `script`.
    #[command(subcommand)]
    Script(Script),
}

/// Options of `run`. They take precedence over the configuration file, which takes precedence over the environment.
#[derive(Clone, Debug, Default, Args)]
pub struct Run {
    /// The configuration [default: what deploy/insightd.yaml states]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Stop after one tick.
    ///
    /// The first sample gives the rates their baseline, the tick follows a second later (or after the
    /// interval, if that is shorter). In a recording the baseline is its first moment, the tick its second.
    #[arg(long)]
    pub once: bool,
    /// Time between two ticks, such as 2s or 500ms.
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    pub interval: Option<Duration>,
    /// Root of the host's file system, or a recording: a folder with a manifest.json. Without --once, every
    /// moment of a recording after the first is a tick.
    #[arg(long, value_name = "FOLDER")]
    pub host_root: Option<PathBuf>,
    /// With a recording: deliver to this sink of the configuration. May be given several times.
    ///
    /// A recording is printed, whatever sinks the outputs name, unless a sink is named here. It never reads or writes the state
    /// directory or the spools of a running agent.
    #[arg(long, value_name = "NAME")]
    pub sink: Vec<String>,
}

/// Subcommands of `state`.
#[derive(Clone, Debug, Subcommand)]
pub enum State {
    /// Forget it: the agent does so at the end of its next tick.
    Clear {
        /// The agent's `state_dir`.
        #[arg(long, value_name = "FOLDER", default_value = "/var/lib/insightd")]
        state_dir: PathBuf,
        /// Only of these transforms, as `insightd status` names them: PIPELINE/NAME [default: all]
        transforms: Vec<String>,
    },
}

/// Options of `status`.
#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Where the agent listens: its `operations.listen`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub address: std::net::SocketAddr,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `record`. They take precedence over the configuration file, which takes precedence over the environment.
#[derive(Debug, Args)]
pub struct Record {
    /// The configuration: that of the agent on the node
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// End after so many ticks [default: 5, or as many as fit into --duration]
    #[arg(long, value_name = "N")]
    pub ticks: Option<NonZero<u64>>,
    /// End with the first tick after this time, such as 10m.
    #[arg(long, value_name = "DURATION", value_parser = crate::config::duration)]
    pub duration: Option<Duration>,
    /// End before the recording grows beyond this, such as 8MiB.
    #[arg(long, value_name = "SIZE", value_parser = crate::config::size, default_value = "64MiB")]
    pub max_bytes: u64,
    /// Replace the values of labels and annotations by a short hash of theirs.
    ///
    /// Equal values have equal hashes, in all recordings. The keys stay, and are listed on standard error at the end; so do the
    /// pod template hashes, without which pods have no owners. A hash hides a value from readers, not from somebody who tries
    /// out likely ones. Names of pods, namespaces, images and nodes stay.
    #[arg(long)]
    pub redact: bool,
    /// Also record the cluster, as the elected agent sees it: lists and watches its nodes, pods and workloads.
    #[arg(long)]
    pub cluster: bool,
    /// Write to a file that does not exist yet [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Time between two ticks, such as 2s or 500ms.
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    pub interval: Option<Duration>,
    /// Root of the host's file system, or a recorded node: a folder with a manifest.json. Every moment of a recorded node after
    /// the first is a tick.
    #[arg(long, value_name = "FOLDER")]
    pub host_root: Option<PathBuf>,
}

impl Record {
    /// Returns the options that `run` has as well.
    pub fn as_run(&self) -> Run {
        let Self { config, interval, host_root, .. } = self;
        Run {
            config: config.clone(),
            once: false,
            interval: *interval,
            host_root: host_root.clone(),
            sink: Vec::new(),
        }
    }
}

/// Options of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// What `insightd record` wrote; `-` is standard input.
    pub recording: PathBuf,
    /// The configuration [default: the shipped pipelines]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Take a component from this file: every `builtin:NAME` and `file:NAME` of the configuration. May be given several times.
    #[arg(long, value_name = "NAME=FILE", value_parser = component)]
    pub component: Vec<(String, PathBuf)>,
    /// Only the pipeline of this name.
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// In place of events: write what this component sees of the last batch as a golden case. `utilization`,
    /// `builtin:utilization`, `transform-2`, `output-1`; with PIPELINE/ before it where several pipelines have one
    #[arg(long, value_name = "PLACE", requires = "as_case")]
    pub until: Option<String>,
    /// The folder of the golden case: batch.json, config.json and, where there is something, state.json and limits.json
    #[arg(long, value_name = "FOLDER", requires = "until")]
    pub as_case: Option<PathBuf>,
    /// Cut the case to this pod, NAME or NAMESPACE/NAME, with its node, cgroups, containers and owners
    #[arg(long, value_name = "NAME", requires = "as_case")]
    pub pod: Option<String>,
}

/// Options of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// What `insightd record` wrote; `-` is standard input.
    pub recording: PathBuf,
    /// A configuration.
    pub a: PathBuf,
    /// Another configuration.
    #[arg(required_unless_present = "component")]
    pub b: Option<PathBuf>,
    /// In place of B: A with another version of a component. Every `builtin:NAME` and `file:NAME` of A is this file then.
    /// May be given several times.
    #[arg(long, value_name = "NAME=FILE", value_parser = component, conflicts_with = "b")]
    pub component: Vec<(String, PathBuf)>,
    /// Only the pipeline of this name.
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// Show every difference, not only the first ones.
    #[arg(long)]
    pub all: bool,
}

/// Subcommands of `script`.
#[derive(Debug, Subcommand)]
pub enum Script {
    /// Run a program over a recording, and show how it changes the events.
    ///
    /// The program runs in each pipeline of the configuration whose scope is in the recording, behind all other transforms
    /// or before the one that `--before` names. Mistakes come with line and column of the file; names that nothing in the
    /// recording has are told, and what the program writes with `log`.
    Try(Try),
}

/// Options of `script try`.
#[derive(Debug, Args)]
pub struct Try {
    /// The program: a text file.
    pub program: PathBuf,
    /// A recording of `insightd record`; `-` is standard input [default: a sample node and a sample cluster]
    pub recording: Option<PathBuf>,
    /// The configuration [default: the shipped pipelines]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only the pipeline of this name.
    #[arg(long, value_name = "NAME")]
    pub pipeline: Option<String>,
    /// Before this transform, such as utilization: where the raw figures are.
    #[arg(long, value_name = "NAME")]
    pub before: Option<String>,
    /// A kind of things that another component of the chain makes. May be given several times.
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,
    /// Show every difference, not only the first ones.
    #[arg(long)]
    pub all: bool,
}

/// Subcommands of `transform`.
#[derive(Debug, Subcommand)]
pub enum Transform {
    /// Write a crate that builds at once, with one golden case that passes.
    ///
    /// The crate brings a copy of the SDK along (NAME/sdk), which no registry has. Nothing that exists is overwritten.
    New {
        /// Name of the crate and of its folder: lower case letters, digits, `-` and `_`.
        name: String,
        /// A formatter (the end of a chain, which makes bytes) in place of a transform.
        #[arg(long)]
        formatter: bool,
        /// The folder in which the crate's folder is made.
        #[arg(long = "in", value_name = "FOLDER", default_value = ".")]
        parent: PathBuf,
        /// A checkout of insightd, whose SDK the crate then uses in place of a copy.
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Build a component with Cargo, and check it as the agent does.
    ///
    /// Builds the crate's library for wasm32-wasip2 in its release profile, leaves out what only debuggers read, and writes
    /// FOLDER/target/transforms/NAME.wasm, NAME being the folder's name. Needs Rust with the target wasm32-wasip2.
    Build {
        /// The component's crate.
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Run the golden cases of a component against its wasm.
    ///
    /// A case is a folder below FOLDER/tests/golden with config.json, batch.json and expected.json
    /// (transforms), expected.events (formatters) or expected.error.
    #[command(after_help = "\
Where the wasm is looked for, without --wasm:
  1. the only *.wasm in FOLDER
  2. target/transforms/NAME.wasm, in FOLDER and in every folder above it
  3. target/wasm32-wasip2/{guest,release,debug}/CRATE.wasm, likewise (or below $CARGO_TARGET_DIR)
NAME is the folder's name, CRATE the package name in FOLDER/Cargo.toml with `_` for `-`.")]
    Test {
        /// The component's crate, or any folder with tests/golden.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// The component.
        #[arg(long, value_name = "FILE")]
        wasm: Option<PathBuf>,
        /// Write what the component answers as the expected result.
        #[arg(long)]
        bless: bool,
        /// Build and test again whenever a file of FOLDER changes, until Ctrl-C; with --wasm, or where FOLDER is no
        /// crate, only test again.
        #[arg(long, conflicts_with = "bless")]
        watch: bool,
        /// Print what the component wrote (log, standard output, standard error) under every case, not only under those
        /// that fail.
        #[arg(long)]
        show_output: bool,
    },
    /// Show what a component is: world, imports, exports, size, hash, and what it says of itself.
    Inspect {
        /// The component.
        file: PathBuf,
    },
}

fn component(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.into(), file.into())),
        _ => Err(format!("`{text}` is no NAME=FILE, such as emf=target/transforms/emf.wasm")),
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
        assert!(error.contains("`2` is no duration"), "{error}");
    }
}
