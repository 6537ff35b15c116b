//! `insightctl completions`: scripts that complete commands in a shell, for both programs. The agent has none itself: its
//! image has no shell.

use clap::CommandFactory as _;
use clap_complete::generate;

use crate::arguments::{Cli, Completions, Program};
use insightd::output;

/// Prints the script.
pub(crate) fn print(options: &Completions) {
    let mut command = match options.program {
        Program::Insightctl => Cli::command(),
        Program::Insightd => insightd::cli::Cli::command(),
    };
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(options.shell, &mut command, name, &mut script);
    output::print(String::from_utf8_lossy(&script));
}
