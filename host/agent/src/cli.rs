//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// What the exit codes mean; part of the help text.
const EXIT_CODES: &str = "\
Exit codes:
  0   done; also after SIGTERM or SIGINT, when the tick in progress was finished and delivered
  1   could not do it: a test case failed, standard output was closed, a sink cannot be opened
  64  wrong usage or wrong configuration; everything that is wrong is on standard error
  128+N  a second signal N came before the tick was finished";

/// Container Insights for Kubernetes and ECS nodes.
///
/// Reads kernel and kubelet facts, runs them through sandboxed components, delivers the events that they
/// make. Without a configuration file it prints this machine's events on standard output.
#[derive(Debug, Parser)]
#[command(name = "insightd", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Collect and deliver until a signal comes.
    Run(Run),
    /// Check a configuration: keys, values, components, and each component's own configuration.
    ///
    /// Prints every problem with its line, and nothing is started. Components named `file:NAME` are compiled
    /// as they would be at start.
    Check {
        /// The configuration.
        file: PathBuf,
    },
    /// Show what a running agent runs: its set of pipelines and components, and what became of the one in the files.
    ///
    /// Asks the agent's operations server. Exit code 1 where none answers.
    Status(Status),
    /// Work on a component: test it, look into it.
    #[command(subcommand)]
    Transform(Transform),
}

/// Options of `run`. They come before the configuration file, which comes before the environment.
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
}

/// Whom to ask.
#[derive(Clone, Debug, Args)]
pub struct Status {
    /// Where the agent listens: its `operations.listen`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub address: std::net::SocketAddr,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// What to do with a component.
#[derive(Debug, Subcommand)]
pub enum Transform {
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
        folder: PathBuf,
        /// The component.
        #[arg(long, value_name = "FILE")]
        wasm: Option<PathBuf>,
        /// Write what the component answers as the expected result.
        #[arg(long)]
        bless: bool,
    },
    /// Show what a component is: world, imports, exports, size, hash, and what it says of itself.
    Inspect {
        /// The component.
        file: PathBuf,
    },
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
