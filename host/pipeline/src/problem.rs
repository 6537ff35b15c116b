//! Problems of a configuration.

use insightd_yaml::Position;

/// Most problems that a report shows; nobody fixes more of them one by one.
pub const MAX_PROBLEMS: usize = 100;

/// A problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Position in the file; `None` for a problem without one, such as a missing component.
    pub at: Option<Position>,
    /// The key, such as `pipelines[0].outputs[1].sink`; empty for the file as a whole.
    pub path: String,
    /// The problem, and the expected value.
    pub message: String,
}

impl Problem {
    /// Returns the line of a report; `word` stands before the message.
    pub fn line(&self, file: &str, word: &str) -> String {
        let at = self.at.map(|at| format!("{at}:")).unwrap_or_default();
        let path = if self.path.is_empty() { String::new() } else { format!(" {}:", self.path) };
        format!("{file}:{at}{path}{word} {}", self.message)
    }
}
