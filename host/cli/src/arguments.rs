//! The command line.

mod live;
mod plot;
mod ui;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use insightd::cli::{Check, Config, Status};

pub(crate) use live::{At, Tap, Top, View};
use live::{TAP_EXAMPLE, TOP_EXAMPLE};
pub(crate) use plot::{Plot, Size};
use ui::UI_EXAMPLE;
pub(crate) use ui::Ui;

/// Meaning of the exit codes; part of the help text.
const EXIT_CODES: &str = "\
Exit codes:
  0   success
  1   failure: a test case failed, a component failed or does not build; `diff`: the events differ
  64  wrong usage or configuration; every mistake is on standard error";

/// Meaning of the exit codes of `diff`, which are those of the program diff(1).
const DIFF_EXIT_CODES: &str = "\
Exit codes:
  0   no difference
  1   the events differ
  2   the events could not be compared
  64  wrong usage or wrong configuration";

/// Examples of `cost`; part of the help text.
const COST_EXAMPLE: &str = "\
Record a node, and compare two configurations for 50 nodes like it:
  insightd record --ticks 10 --out node.jsonl
  insightctl cost node.jsonl --config before.yaml --against after.yaml --nodes 50";

/// Examples of `completions`; part of the help text.
const COMPLETIONS_EXAMPLE: &str = "\
For this shell, and for all later ones:
  source <(insightctl completions bash)
  insightctl completions bash > ~/.local/share/bash-completion/completions/insightctl
  insightctl completions zsh insightd > ~/.zfunc/_insightd";

/// Develop components for insightd, and replay and compare recordings
///
/// For authors and operators, on their own machines. Recordings come from `insightd record` on a node.
#[derive(Debug, Parser)]
#[command(name = "insightctl", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the pods, events and metrics of an embedded recording of a node; needs no cluster
    ///
    /// Runs the recording of a Kubernetes node through the pipelines, as `replay` does, and prints a summary: the node,
    /// its pods, the events of each type with the CloudWatch metrics that they declare, and their destinations. Sends no
    /// request and delivers nothing.
    Demo(Demo),
    /// Develop a component: create, build, test or inspect it
    #[command(subcommand)]
    Transform(Transform),
    /// Run the batches of a recording through the pipelines of a configuration, and print the events
    ///
    /// Writes the events to standard output in the format of the stdout sink, whatever sinks the outputs name. Sends no
    /// request and delivers nothing. A component that cannot be used is an error; no built-in replaces it. Reports the
    /// batches per second on standard error at the end.
    Replay(Replay),
    /// Compare the events that two configurations, or two versions of a component, produce from a recording
    ///
    /// Events are matched by route, time and attributes, and the remaining ones by the values of the dimensions that
    /// they declare. An attribute that only one side has does not prevent a match.
    #[command(after_help = DIFF_EXIT_CODES)]
    Diff(Diff),
    /// Show what the monitoring of a recorded node costs a month, and what each line of the configuration saves
    ///
    /// Runs the recording through the pipelines of the configuration, as `replay` does, and counts the payloads of every
    /// output: CloudWatch metrics and log bytes of EMF events, data points and bytes of OTLP requests. Extrapolates by the
    /// interval of the batches. Runs the recording once more for each `metric_declarations` entry and option that can be
    /// left out. Prices are printed with their source and date. With --live, the estimate of a running agent instead.
    #[command(after_help = COST_EXAMPLE)]
    Cost(Cost),
    /// Draw metrics of a recording over time, as an SVG line chart
    ///
    /// Runs the recording through the pipelines of the configuration, as `replay` does, and draws the values of the
    /// events: a line for each object, a panel for each unit. At most 12 lines, those with the largest values; the rest
    /// is counted. A missing value is a gap. The chart follows the light or dark scheme of its viewer.
    #[command(after_help = plot::EXAMPLE)]
    Plot(Plot),
    /// Develop a program for the component `script`
    #[command(subcommand)]
    Script(Script),
    /// Validate a configuration: keys, values, components, and the configuration of each component
    ///
    /// Prints every problem with its line, and starts nothing. Components named `file:NAME` are compiled as at
    /// start-up. A sample node and a sample cluster run through the pipelines; their events are not delivered.
    Check(Check),
    /// Show the pipelines and components of a running agent, and the state of the rollout of those in the files
    ///
    /// Queries the operations server of the agent. The exit code is 1 if it does not answer.
    Status(Status),
    /// Show pods, containers, stages and sinks of a running agent or of a recording, on a screen that follows them
    ///
    /// Values are those of batches after the last transform, sorted by any column or metric, with their last values. Of a
    /// running agent also the stages with CPU time, memory and failures, the sinks with what waits and what is lost, the
    /// rollout, and the age of each source's data. A recording runs through the pipelines of the configuration, as `replay`
    /// does, and can be played, paused and stepped. `?` lists the keys.
    #[command(after_help = TOP_EXAMPLE)]
    Top(Top),
    /// Print the events of a running agent, or the batches between its stages, as they happen
    ///
    /// One JSON value a line; with --table, a line for people. The agent delivers the same events as without a tap, and
    /// leaves out what a slow reader or the bound of the stream does not take: the tap then says how much.
    #[command(after_help = TAP_EXAMPLE)]
    Tap(Tap),
    /// Serve a web page on this machine that shows a running agent or a recording
    ///
    /// Pipelines with rates and failures, plots and tables of what is measured, the rollout, the cost of monitoring, and a
    /// playground for scripts and configurations. Listens on the loopback address only, and prints the page's address with a
    /// token that every request needs. The page loads nothing from elsewhere.
    #[command(after_help = UI_EXAMPLE)]
    Ui(Ui),
    /// Print the default configuration, or the schema of configuration files
    #[command(subcommand)]
    Config(Config),
    /// Print a script that completes the commands of `insightctl` or `insightd` in a shell
    #[command(after_help = COMPLETIONS_EXAMPLE)]
    Completions(Completions),
}

/// Options of `completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// Shell that runs the script
    pub(crate) shell: Shell,
    /// Program whose commands are completed
    #[arg(default_value = "insightctl")]
    pub(crate) program: Program,
}

/// The programs that have completions.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Program {
    Insightctl,
    Insightd,
}

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Print the events, one JSON object per line, instead of the summary
    #[arg(long)]
    pub(crate) json: bool,
    /// Only events of this type, such as Pod. Without --json, lists all metrics that they declare
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// Declare the enhanced set of metrics instead of the basic one
    #[arg(long)]
    pub(crate) enhanced: bool,
    /// Configuration file [default: the built-in pipelines]
    #[arg(long, value_name = "FILE", conflicts_with = "enhanced")]
    pub(crate) config: Option<PathBuf>,
    /// Write the recording to a new file, for `replay`, `diff` and `script try`, and print nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "kind", "enhanced", "config"])]
    pub(crate) save: Option<PathBuf>,
}

/// Options of `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// Recording of `insightd record`; `-` reads standard input
    pub(crate) recording: PathBuf,
    /// Configuration file [default: the built-in pipelines]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Log level, in place of `log.level` of the configuration: `debug`, or `warn,transform=info`
    #[arg(long, value_name = "LEVEL", value_parser = insightd::config::log_level)]
    pub(crate) log_level: Option<String>,
    /// Use this file for a component: replaces every `builtin:NAME` and `file:NAME` of the configuration; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = component)]
    pub(crate) component: Vec<(String, PathBuf)>,
    /// Only run the pipeline of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Option<String>,
    /// Print a summary of the newest batch of each node and cluster instead of events: nodes, pods, metrics
    #[arg(long, conflicts_with = "until")]
    pub(crate) summary: bool,
    /// Write the input of this component for the last batch as a golden case, instead of events. `utilization`,
    /// `builtin:utilization`, `transform-2` or `output-1`, prefixed with PIPELINE/ if several pipelines have one
    #[arg(long, value_name = "SLOT", requires = "as_case")]
    pub(crate) until: Option<String>,
    /// Directory of the golden case: batch.json, config.json and, if not empty, state.json and limits.json
    #[arg(long, value_name = "DIR", requires = "until")]
    pub(crate) as_case: Option<PathBuf>,
    /// Reduce the case to this pod, NAME or NAMESPACE/NAME, with its node, cgroups, containers and owners
    #[arg(long, value_name = "NAME", requires = "as_case")]
    pub(crate) pod: Option<String>,
}

/// Options of `diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// Recording of `insightd record`; `-` reads standard input
    pub(crate) recording: PathBuf,
    /// First configuration file
    pub(crate) a: PathBuf,
    /// Second configuration file
    #[arg(required_unless_present = "component")]
    pub(crate) b: Option<PathBuf>,
    /// Compare A with A using another version of a component, instead of B: this file replaces every `builtin:NAME` and
    /// `file:NAME` of A; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = component, conflicts_with = "b")]
    pub(crate) component: Vec<(String, PathBuf)>,
    /// Only run the pipeline of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Option<String>,
    /// Log level, in place of `log.level` of the configuration: `debug`, or `warn,transform=info`
    #[arg(long, value_name = "LEVEL", value_parser = insightd::config::log_level)]
    pub(crate) log_level: Option<String>,
    /// Show every difference instead of only the first ones
    #[arg(long)]
    pub(crate) all: bool,
    /// Write a page with every difference to this file, and print only the summary
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    pub(crate) html: Option<PathBuf>,
}

/// Options of `cost`.
#[derive(Debug, clap::Args)]
pub(crate) struct Cost {
    /// Recording of `insightd record`; `-` reads standard input
    #[arg(required_unless_present = "live")]
    pub(crate) recording: Option<PathBuf>,
    /// Socket (a path with a `/`) or address (HOST:PORT) of a running agent, whose own estimate is multiplied by the prices
    #[arg(
        long,
        value_name = "SOCKET|ADDRESS",
        conflicts_with_all = ["recording", "config", "against", "nodes"]
    )]
    pub(crate) live: Option<String>,
    /// Configuration file [default: the built-in pipelines]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Configuration file to compare with
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Prices in the format of deploy/prices/us-east-1.yaml [default: that file, embedded]
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// Number of nodes like the recorded one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) nodes: u32,
    /// Format of the report; `json` has all rows
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub(crate) format: ReportFormat,
}

/// Formats of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Table,
    Json,
}

/// Subcommands of `script`.
#[derive(Debug, Subcommand)]
pub(crate) enum Script {
    /// Run a program over a recording, and show how it changes the events
    ///
    /// The program runs in each pipeline of the configuration whose scope is in the recording, after all other
    /// transforms or before the one that `--before` names. Errors have the line and column in the file. Names that do
    /// not occur in the recording are reported, and so is the output of `log`.
    Try(Try),
}

/// Options of `script try`.
#[derive(Debug, clap::Args)]
pub(crate) struct Try {
    /// Program, a text file; `-` reads standard input
    pub(crate) program: PathBuf,
    /// Recording of `insightd record`; `-` reads standard input [default: a sample node and a sample cluster]
    pub(crate) recording: Option<PathBuf>,
    /// Configuration file [default: the built-in pipelines]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Log level, in place of `log.level` of the configuration: `debug`, or `warn,transform=info`
    #[arg(long, value_name = "LEVEL", value_parser = insightd::config::log_level)]
    pub(crate) log_level: Option<String>,
    /// Only run the pipeline of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Option<String>,
    /// Run before this transform, such as utilization, to see raw values
    #[arg(long, value_name = "NAME")]
    pub(crate) before: Option<String>,
    /// Kind of objects that another component of the chain creates; may be repeated
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<String>,
    /// Show every difference instead of only the first ones
    #[arg(long)]
    pub(crate) all: bool,
}

/// Subcommands of `transform`.
#[derive(Debug, Subcommand)]
pub(crate) enum Transform {
    /// Create a crate that builds as it is, with one passing golden case
    ///
    /// The crate contains a copy of the SDK (NAME/sdk), which no registry has. Existing files are not overwritten.
    New {
        /// Name of the crate and of its directory: lower case letters, digits, `-` and `_`
        name: String,
        /// Create a formatter (the last component of a chain, which produces bytes) instead of a transform
        #[arg(long)]
        formatter: bool,
        /// Directory in which to create the crate's directory
        #[arg(long = "in", value_name = "DIR", default_value = ".")]
        parent: PathBuf,
        /// A checkout of insightd whose SDK the crate uses instead of a copy
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Build a component with Cargo, and validate it as the agent does
    ///
    /// Builds the crate's library for wasm32-wasip2 in its release profile, strips debug information, and writes
    /// DIR/target/transforms/NAME.wasm, where NAME is the name of the directory. Needs Rust with the target
    /// wasm32-wasip2.
    Build {
        /// Crate of the component
        #[arg(value_name = "DIR", default_value = ".")]
        directory: PathBuf,
    },
    /// Run the golden cases of a component against its wasm
    ///
    /// A case is a directory below DIR/tests/golden with config.json, batch.json and expected.json (transforms),
    /// expected.events (formatters) or expected.error.
    #[command(after_help = "\
Where the wasm is looked for, without --wasm:
  1. the only *.wasm in DIR
  2. target/transforms/NAME.wasm, in DIR and in every directory above it
  3. target/wasm32-wasip2/{guest,release,debug}/CRATE.wasm, likewise (or below $CARGO_TARGET_DIR)
NAME is the directory's name, CRATE the package name in DIR/Cargo.toml with `_` for `-`.")]
    Test {
        /// Crate of the component, or any directory with tests/golden
        #[arg(value_name = "DIR", default_value = ".")]
        directory: PathBuf,
        /// Wasm file of the component
        #[arg(long, value_name = "FILE")]
        wasm: Option<PathBuf>,
        /// Write the results of the component as the expected ones
        #[arg(long)]
        bless: bool,
        /// Build and test again whenever a file of DIR changes, until Ctrl-C; only test with --wasm, or if DIR is
        /// not a crate
        #[arg(long, conflicts_with = "bless")]
        watch: bool,
        /// Print the output of the component (log, standard output, standard error) for every case, not only for failed ones
        #[arg(long)]
        show_output: bool,
    },
    /// Show the world, imports, exports, size, hash and self-description of a component
    Inspect {
        /// Wasm file of the component
        file: PathBuf,
    },
}

fn component(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.into(), file.into())),
        _ => Err("expected NAME=FILE, such as emf=target/transforms/emf.wasm".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
