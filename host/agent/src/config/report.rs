//! The problems of a configuration, formatted for operators.

use std::fmt;

use insightd_pipeline::{MAX_PROBLEMS, Problem};

use crate::visible::is_hidden;

/// Longest message, characters; the middle of a longer one is left out.
const MAX_MESSAGE: usize = 800;

/// Longest path of a key, characters.
const MAX_PATH: usize = 200;

/// All problems, one a line: `FILE:LINE:COLUMN: KEY: MESSAGE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Report {
    /// Name of the file; `None` for the defaults.
    pub file: Option<String>,
    /// Problems in the order of the file, at most [`MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
    /// Number of further problems.
    pub more: usize,
}

/// Returns the problem with its texts shortened and escaped to fit a line.
pub(super) fn shortened(problem: Problem) -> Problem {
    let Problem { at, path, message } = problem;
    Problem { at, path: short(&path, MAX_PATH), message: short(&message, MAX_MESSAGE) }
}

impl Report {
    /// Creates a report, sorted in the order of the file and bounded by [`MAX_PROBLEMS`].
    pub fn new(file: Option<String>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.at);
        let more = problems.len().saturating_sub(MAX_PROBLEMS);
        problems.truncate(MAX_PROBLEMS);
        Self { file, problems: problems.into_iter().map(shortened).collect(), more }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or("defaults");
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            f.write_str(&problem.line(file, ""))?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n{file}: {more} more problems are not shown"),
        }
    }
}

/// Returns the text on one line, with its middle left out beyond `most` characters and with everything escaped that a
/// terminal would act on.
fn short(text: &str, most: usize) -> String {
    let count = text.chars().count();
    let mut short = String::new();
    for (index, character) in text.chars().enumerate() {
        if count > most && index == most / 2 {
            short.push_str(" … ");
        }
        if count > most && (most / 2..count - most / 2).contains(&index) {
            continue;
        }
        if is_hidden(character) {
            short.extend(character.escape_default());
        } else {
            short.push(character);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use insightd_yaml::Position;

    use super::*;

    #[test]
    fn a_report_is_bounded_and_does_nothing_to_a_terminal() {
        let problem = |line: usize| Problem {
            at: Some(Position { line, column: 1 }),
            path: "x".repeat(1000),
            message: format!("\u{1b}[31m\u{202e}{}end", "y".repeat(1 << 20)),
        };
        let report = Report::new(Some("f".into()), (1..=1234).rev().map(problem).collect());
        assert_eq!((report.problems.len(), report.more), (100, 1134));
        let text = report.to_string();
        assert!(text.len() < 120_000, "{}", text.len());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 101);
        assert!(
            lines[0].starts_with("f:1:1: xxx") && lines[0].contains(" \\u{1b}[31m\\u{202e}yyy"),
            "{}",
            lines[0]
        );
        assert!(lines[0].ends_with("yyend"), "{}", lines[0]);
        assert_eq!(lines[100], "f: 1134 more problems are not shown");
    }
}
