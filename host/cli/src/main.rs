//! `insightctl`: dispatches the subcommand and maps errors to exit codes.

mod arguments;
mod completions;
mod cost;
mod demo;
mod live;
mod offline;
mod plot;
mod progress;
mod replay;
mod script;
mod tap;
mod top;
mod transform;
mod ui;

use std::process::ExitCode;

use clap::Parser;
use insightd::app;
use insightd::error::Usage;
use insightd::{output, status};

use arguments::{Cli, Command, Script, Transform};
use transform::New;

/// Wrong usage or configuration; `EX_USAGE` of sysexits.
const USAGE: u8 = 64;
/// `diff` could not compare: 1 is for a difference.
const UNCOMPARED: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are output, not errors.
            let code = if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    let failure = if matches!(cli.command, Command::Diff(_)) { UNCOMPARED } else { 1 };
    match run(&cli.command) {
        Ok(code) => code,
        Err(error) => {
            output::message(format_args!("{error:#}"));
            ExitCode::from(if error.is::<Usage>() { USAGE } else { failure })
        }
    }
}

fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(options) => demo::demo(options)?,
        Command::Replay(options) => offline::replay(options)?,
        Command::Diff(options) => {
            let is_same = offline::diff(options)?;
            return Ok(if is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Cost(options) => cost::cost(options)?,
        Command::Plot(options) => plot::plot(options)?,
        Command::Script(Script::Try(options)) => script::try_script(options)?,
        Command::Transform(command) => transform(command)?,
        Command::Check(options) => app::check(options)?,
        Command::Status(options) => status::status(options)?,
        Command::Top(options) => return top::top(options),
        Command::Tap(options) => tap::tap(options)?,
        Command::Ui(options) => ui::ui(options)?,
        Command::Config(command) => output::print(command.text()?),
        Command::Completions(options) => completions::print(options),
    }
    Ok(ExitCode::SUCCESS)
}

fn transform(command: &Transform) -> anyhow::Result<()> {
    match command {
        Transform::New { name, formatter, parent, sdk } => {
            transform::new(&New { name, formatter: *formatter, parent, sdk: sdk.as_deref() })
        }
        Transform::Build { directory } => transform::build(directory),
        Transform::Test { directory, wasm, watch: true, show_output, .. } => {
            transform::watch(directory, wasm.as_deref(), *show_output)
        }
        Transform::Test { directory, wasm, bless, show_output, .. } => {
            let options = transform::Options { bless: *bless, show_output: *show_output };
            transform::test(directory, wasm.as_deref(), &options)
        }
        Transform::Inspect { file } => transform::inspect(file),
    }
}
