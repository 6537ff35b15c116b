//! `insightd`: what to do, and which exit code it comes to.

use std::process::ExitCode;

use clap::Parser;
use insightd::app::{self, Usage};
use insightd::cli::{Cli, Command, Transform};
use insightd::{status, transform};

/// Wrong usage or configuration; `EX_USAGE` of sysexits.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors.
            let code = if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    let result = match &cli.command {
        Command::Run(options) => app::run(options),
        Command::Check { file } => app::check(file),
        Command::Status(options) => status::status(options),
        Command::Transform(Transform::Test { folder, wasm, bless }) => {
            transform::test(folder, wasm.as_deref(), *bless)
        }
        Command::Transform(Transform::Inspect { file }) => transform::inspect(file),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(if error.is::<Usage>() { USAGE } else { 1 })
        }
    }
}
