//! Entry point of `insightd`: dispatches the subcommand and maps errors to exit codes.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use insightd::app;
use insightd::cli::{Cli, Command, State};
use insightd::error::Usage;
use insightd::outcome::NothingLeft;
use insightd::{client, output, status};
use insightd_pipeline::states;

/// Exit code for wrong usage or configuration: `EX_USAGE` of sysexits.
const USAGE: u8 = 64;

/// Commands that `insightctl` has and this program has not.
const COMMANDS_OF_INSIGHTCTL: [&str; 11] =
    ["completions", "cost", "demo", "diff", "plot", "replay", "script", "tap", "top", "transform", "ui"];

/// Returns the command where it is one of `insightctl`.
fn command_of_insightctl() -> Option<&'static str> {
    let command = std::env::args_os().nth(1)?;
    COMMANDS_OF_INSIGHTCTL.into_iter().find(|known| command == *known)
}

fn clear(state_dir: &Path, transforms: &[String]) -> anyhow::Result<()> {
    let names = states::request_clear(state_dir, transforms).map_err(|error| match error {
        states::ClearError::Directory(_) => anyhow::Error::from(error),
        wrong => Usage(wrong.to_string()).into(),
    })?;
    let names = if names.is_empty() { "none (no state is stored)".to_owned() } else { names.join(", ") };
    output::line(format_args!("state will be cleared at the end of the next tick: {names}"));
    Ok(())
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if let Some(command) = command_of_insightctl() {
                output::message(format_args!(
                    "`{command}` is a command of `insightctl`: run `insightctl {command} …`"
                ));
                return ExitCode::from(USAGE);
            }
            // Help and version are regular output, not errors.
            let code = if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    let result = match &cli.command {
        Command::Run(options) => app::run(options),
        Command::Check(options) => app::check(options),
        Command::Status(options) => status::status(options),
        Command::Api(options) => client::api(options),
        Command::State(State::Clear { state_dir, transforms }) => clear(state_dir, transforms),
        Command::Config(command) => command.text().map(|text| output::print(&text)).map_err(Into::into),
        Command::Record(options) => app::record(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The log has the error, before its last line.
        Err(error) if error.is::<NothingLeft>() => ExitCode::FAILURE,
        Err(error) => {
            output::message(format_args!("{error:#}"));
            ExitCode::from(if error.is::<Usage>() { USAGE } else { 1 })
        }
    }
}
