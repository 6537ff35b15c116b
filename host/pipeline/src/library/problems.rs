//! Problems of components, with the position of the configuration key that they belong to.

use std::path::Path;

use insightd_sandbox::CallError;

use super::error::{FileError, LibraryError};
use crate::problem::{MAX_PROBLEMS, Problem};
use crate::spec::{ComponentSpec, TextFile};

pub(super) fn problem(wanted: &ComponentSpec, error: &LibraryError) -> Problem {
    let key = if matches!(error, LibraryError::Hash { .. }) { "sha256" } else { "use" };
    Problem { at: wanted.config.at, path: format!("{}.{key}", wanted.path), message: error.to_string() }
}

pub(super) fn unread_text(directory: &Path, text: &TextFile, error: &FileError) -> Problem {
    let message = format!("{}: {error}", directory.join(&text.name).display());
    Problem { at: Some(text.at), path: text.path.clone(), message }
}

/// Splits the position off a component's message about a text of several lines: `line 3, column 7: …`.
fn place_in_text(message: &str) -> Option<(usize, usize, &str)> {
    let (line, rest) = message.strip_prefix("line ")?.split_once(", column ")?;
    let (column, rest) = rest.split_once(": ")?;
    Some((line.parse().ok()?, column.parse().ok()?, rest))
}

/// Returns a problem of a text in its own file, with the line and column in that file.
fn in_text(text: &TextFile, message: &str) -> Problem {
    let message = match place_in_text(message) {
        Some((line, column, message)) => format!("{}:{line}:{column}: {message}", text.name),
        None => format!("{}: {message}", text.name),
    };
    Problem { at: Some(text.at), path: text.path.clone(), message }
}

/// Converts the problems that a component reports, one a line as `KEY: MESSAGE`; each gets the position of its key.
pub(super) fn config_problems(wanted: &ComponentSpec, error: &CallError) -> Vec<Problem> {
    let path = format!("{}.config", wanted.path);
    let CallError::Config(text) = error else {
        let message = format!("{wanted}: cannot check the configuration: {error}");
        return vec![Problem { at: wanted.config.position(""), path, message }];
    };
    let place = |line: &str| {
        let (key, message) = line.split_once(": ").unwrap_or(("", line));
        match key.is_empty() || key.contains(' ') {
            true => Problem { at: wanted.config.position(""), path: path.clone(), message: line.into() },
            false => {
                if let Some(text) = wanted.texts.iter().find(|text| text.key == key) {
                    return in_text(text, message);
                }
                let path = format!("{path}.{key}");
                let within = place_in_text(message).and_then(|(line, column, message)| {
                    Some((wanted.config.within(key, line, column)?, message))
                });
                match within {
                    Some((at, message)) => Problem { at: Some(at), path, message: message.into() },
                    None => Problem { at: wanted.config.position(key), path, message: message.into() },
                }
            }
        }
    };
    // One more than is shown, so that the report says that there are more.
    text.lines().take(MAX_PROBLEMS + 1).map(place).collect()
}
