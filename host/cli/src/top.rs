//! `insightctl top`: what a running agent or a recording measures, and the agent itself, on one screen.
//!
//! `model` holds what arrived and what the user chose, `draw` makes a screen of it, `run` waits for keys and news.

mod agent;
mod draw;
pub(crate) mod figures;
pub(crate) mod frame;
pub(crate) mod grid;
pub(crate) mod measured;
pub(crate) mod model;
mod plain;
mod run;
pub(crate) mod source;
pub(crate) mod stage;
mod terminal;
mod view;

use std::env;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use crate::arguments;
use crate::live::Agent;
use draw::Look;
use source::recording::Recording;

pub(crate) use agent::duration;
pub(crate) use source::live::{SILENCE, refusal};

/// Runs `insightctl top`.
///
/// # Errors
/// Fails with [`insightd::error::Usage`], if the terminal cannot be used, or, without a screen, if there is nothing to print.
pub(crate) fn top(options: &arguments::Top) -> anyhow::Result<ExitCode> {
    let source = match &options.recording {
        Some(path) => {
            let recording = Recording::new(path, options.config.as_deref(), options.pipeline.as_deref())?;
            run::Source::Recording(Box::new(recording), path.display().to_string())
        }
        None => run::Source::Live(Agent::new(options.agent.endpoint()), options.pipeline.clone()),
    };
    let settings =
        run::Settings { view: options.view, sort: options.sort.as_deref(), interval: options.interval };
    let terminal = env::var("TERM").unwrap_or_default();
    if options.once || !io::stdout().is_terminal() || terminal == "dumb" {
        return plain::print(source, &settings).map(|()| ExitCode::SUCCESS);
    }
    let look = Look {
        color: !options.no_color && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        // The font of the kernel's console has no bars.
        ascii: options.ascii || terminal == "linux" || !is_utf8(|name| env::var(name).ok()),
    };
    run::screen(source, &settings, look)
}

/// Returns true if the locale's characters are UTF-8. As in setlocale(3), the first variable that is set and not empty counts.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    let locale = set.unwrap_or_default().to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::is_utf8;

    #[test]
    fn the_first_variable_that_is_set_counts() {
        for (all, ctype, lang, expected) in [
            ("", "", "", false),
            ("", "", "en_US.UTF-8", true),
            ("", "C.utf8", "C", true),
            ("C", "C.utf8", "en_US.UTF-8", false),
            ("", "de_DE.ISO-8859-1", "en_US.UTF-8", false),
        ] {
            let variable = |name: &str| match name {
                "LC_ALL" => Some(all.to_owned()),
                "LC_CTYPE" => Some(ctype.to_owned()),
                _ => Some(lang.to_owned()),
            };
            assert_eq!(is_utf8(variable), expected, "{all:?} {ctype:?} {lang:?}");
        }
    }
}
