//! Entry point of `insightd`: dispatches the subcommand and maps errors to exit codes.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use insightd::app::{self, Usage};
use insightd::cli::{Cli, Command, Script, State, Transform};
use insightd::outcome::NothingLeft;
use insightd::transform::{self, New};
use insightd::{output, states, status};

/// Exit code for wrong usage or configuration: `EX_USAGE` of sysexits.
const USAGE: u8 = 64;
/// Exit code of `diff` if it cannot compare; 1 stands for a difference.
const UNCOMPARED: u8 = 2;

fn clear(state_dir: &Path, transforms: &[String]) -> anyhow::Result<()> {
    let names = states::wish_to_clear(state_dir, transforms).map_err(|error| match error {
        states::ClearError::Directory(_) => anyhow::Error::from(error),
        wrong => Usage(wrong.to_string()).into(),
    })?;
    let names = if names.is_empty() { "nothing: nothing is remembered".to_owned() } else { names.join(", ") };
    output::line(format_args!("the agent forgets at the end of its next tick: {names}"));
    Ok(())
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are regular output, not errors.
            let code = if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    let result = match &cli.command {
        Command::Run(options) => app::run(options),
        Command::Check { file, environment } => app::check(file, *environment),
        Command::Status(options) => status::status(options),
        Command::State(State::Clear { state_dir, transforms }) => clear(state_dir, transforms),
        Command::Record(options) => app::record(options),
        Command::Replay(options) => app::replay(options),
        Command::Diff(options) => match app::diff(options) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => {
                output::complain(format_args!("{error:#}"));
                return ExitCode::from(if error.is::<Usage>() { USAGE } else { UNCOMPARED });
            }
        },
        Command::Script(Script::Try(options)) => app::try_script(options),
        Command::Transform(Transform::New { name, formatter, parent, sdk }) => {
            transform::new(&New { name, formatter: *formatter, parent, sdk: sdk.as_deref() })
        }
        Command::Transform(Transform::Build { folder }) => transform::build(folder),
        Command::Transform(Transform::Test { folder, wasm, watch: true, show_output, .. }) => {
            transform::watch(folder, wasm.as_deref(), *show_output)
        }
        Command::Transform(Transform::Test { folder, wasm, bless, show_output, .. }) => {
            let options = transform::Options { bless: *bless, show_output: *show_output };
            transform::test(folder, wasm.as_deref(), &options)
        }
        Command::Transform(Transform::Inspect { file }) => transform::inspect(file),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The log has the error, before its last line.
        Err(error) if error.is::<NothingLeft>() => ExitCode::FAILURE,
        Err(error) => {
            output::complain(format_args!("{error:#}"));
            ExitCode::from(if error.is::<Usage>() { USAGE } else { 1 })
        }
    }
}
