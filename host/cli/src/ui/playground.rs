//! The playground: runs an edited script or configuration over one frame, and compares its events with those without the edit.
//!
//! Components run in the sandbox, with the limits of the configuration; sinks only collect. One run at a time.

use std::path::Path;
use std::sync::TryLockError;
use std::time::Instant;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::document::{Failure, text};
use super::session::Session;
use crate::offline::{collecting, parsed};
use crate::replay::{Chains, changes};
use crate::script::{LONGEST, with_program};
use insightd::config::Config;

/// Maximum length of a configuration, bytes.
const MAX_CONFIG: usize = 256 << 10;
/// Maximum number of problems that are listed.
const MAX_PROBLEMS: usize = 50;
/// Names of the edited texts in messages.
const PROGRAM: &str = "program";
const CONFIG: &str = "configuration";

/// The edit.
enum Edit<'r> {
    /// A program of `builtin:script`, and the transform that it runs before if not after all.
    Script(&'r str, Option<&'r str>),
    Config(&'r str),
}

/// Runs an edit. What is wrong with its text is part of the result.
///
/// # Errors
/// The request is malformed or too long, another run has not ended, or the frame cannot be read.
pub(super) fn run(session: &Session, request: &[u8]) -> Result<Value, Failure> {
    let request: Value =
        serde_json::from_slice(request).map_err(|error| Failure::bad(format!("invalid JSON: {error}")))?;
    let edit = edit(&request)?;
    let frame = request["frame"].as_u64().and_then(|frame| usize::try_from(frame).ok());
    let running = match session.playground.try_lock() {
        Ok(running) => Some(running),
        // A run that panicked has ended.
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    };
    let Some(_running) = running else {
        return Err(Failure {
            status: StatusCode::CONFLICT,
            reason: "another run has not ended yet: try again".into(),
        });
    };
    let begun = Instant::now();
    let edited = match edit {
        Edit::Script(program, before) => with_program(&session.config, program, before, &[]),
        Edit::Config(text) => parsed(text, CONFIG, Some("off")),
    };
    let edited = match edited {
        Ok(edited) => edited,
        Err(error) => return Ok(json!({"problems": problems(&error.to_string())})),
    };
    let name = match edit {
        Edit::Script(..) => PROGRAM,
        Edit::Config(_) => CONFIG,
    };
    let batch = session.batch(frame).map_err(Failure::bad)?;
    let assembled = |config: &Config, name: &Path| {
        collecting(config, Some(name), &[]).map_err(|error| format!("{error:#}"))
    };
    let file = session.config_file.as_deref().unwrap_or(Path::new(CONFIG));
    let (mut before, before_events) = assembled(&session.config, file).map_err(Failure::bad)?;
    let (mut after, after_events) = match assembled(&edited, Path::new(name)) {
        Ok(assembled) => assembled,
        Err(error) => return Ok(json!({"problems": problems(&error)})),
    };
    let time_unix_ms = batch.time_unix_ms;
    let ran = before.run(batch.clone()).and_then(|()| after.run(batch));
    ran.map_err(|error| Failure::bad(error.to_string()))?;
    let mut result = changes(&before_events, &after_events);
    result["time_unix_ms"] = json!(time_unix_ms);
    result["problems"] = json!(failures(&after, time_unix_ms));
    result["notes"] = after.notes().iter().map(|note| json!(text(note))).collect();
    result["seconds"] = json!(begun.elapsed().as_secs_f64());
    Ok(result)
}

fn edit(request: &Value) -> Result<Edit<'_>, Failure> {
    let Some(edited) = request["text"].as_str() else { return Err(Failure::bad("`text` is missing".into())) };
    let (edit, limit) = match request["kind"].as_str() {
        Some("script") => {
            let before = request["before"].as_str().filter(|before| !before.is_empty());
            (Edit::Script(edited, before), LONGEST as usize)
        }
        Some("config") => (Edit::Config(edited), MAX_CONFIG),
        _ => return Err(Failure::bad("`kind` is `script` or `config`".into())),
    };
    match edited.len() > limit {
        true => Err(Failure {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            reason: format!("the text is longer than {limit} bytes"),
        }),
        false => Ok(edit),
    }
}

/// Splits the lines of a report, `NAME:LINE:COLUMN: TEXT`. A program that runs in several pipelines has the same ones in each.
fn problems(report: &str) -> Vec<Value> {
    let mut found: Vec<(Option<u64>, Option<u64>, String)> = Vec::new();
    for line in report.lines().filter(|line| !line.trim().is_empty()) {
        let (at_line, at_column, message) = located(line);
        let message = match message.split_once(".config.program: ") {
            Some((_, message)) => message,
            None => message,
        };
        let problem = (at_line, at_column, text(message));
        if !found.contains(&problem) && found.len() < MAX_PROBLEMS {
            found.push(problem);
        }
    }
    found
        .into_iter()
        .map(|(line, column, message)| json!({"line": line, "column": column, "text": message}))
        .collect()
}

/// Splits a problem into line, column and the rest.
fn located(problem: &str) -> (Option<u64>, Option<u64>, &str) {
    let rest = [PROGRAM, CONFIG].iter().find_map(|name| problem.strip_prefix(name)?.strip_prefix(':'));
    let Some((line, rest)) = rest.and_then(number) else { return (None, None, problem) };
    match number(rest) {
        Some((column, rest)) => (Some(line), Some(column), rest.trim_start()),
        None => (Some(line), None, rest.trim_start()),
    }
}

fn number(text: &str) -> Option<(u64, &str)> {
    let (number, rest) = text.split_once(':')?;
    Some((number.parse().ok()?, rest))
}

/// Returns the errors of the components that failed.
fn failures(chains: &Chains, time_unix_ms: u64) -> Vec<Value> {
    let stages = chains.stages(time_unix_ms);
    let failed = stages.iter().filter_map(|stage| Some((stage, stage.stats.last_error.as_deref()?)));
    failed
        .take(MAX_PROBLEMS)
        .map(|(stage, error)| {
            let message = format!("{} {} {}: {error}", stage.pipeline, stage.slot, stage.component);
            json!({"line": null, "column": null, "text": text(&message)})
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_have_their_line_and_column() {
        let report = "program:2:10: pipelines[0].transforms[2].config.program: unknown variable pods\n\
                      program:2:10: pipelines[1].transforms[2].config.program: unknown variable pods\n\
                      configuration:7: unknown key `a`\n\
                      something: else\n";
        assert_eq!(
            problems(report),
            [
                json!({"line": 2, "column": 10, "text": "unknown variable pods"}),
                json!({"line": 7, "column": null, "text": "unknown key `a`"}),
                json!({"line": null, "column": null, "text": "something: else"}),
            ]
        );
    }

    #[test]
    fn edits_are_bounded() {
        let status = |request: Value| edit(&request).err().map(|failure| failure.status.as_u16());
        assert_eq!(status(json!({"kind": "script", "text": "x".repeat(65_535)})), None);
        assert_eq!(status(json!({"kind": "script", "text": "x".repeat(65_536)})), Some(413));
        assert_eq!(status(json!({"kind": "config", "text": "x".repeat(MAX_CONFIG + 1)})), Some(413));
        for wrong in [json!({}), json!({"kind": "script"}), json!({"kind": "x", "text": ""}), json!([])] {
            assert_eq!(status(wrong.clone()), Some(400), "{wrong}");
        }
    }
}
