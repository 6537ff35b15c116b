//! All problems of a configuration, as an operator reads them.

use std::fmt;

use super::yaml::Position;

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the file; `None` for what has no place in it, such as a component that is not there.
    pub at: Option<Position>,
    /// The key, such as `pipelines[0].outputs[1].sink`; empty for the file as a whole.
    pub path: String,
    /// What is wrong and what is expected.
    pub message: String,
}

/// Everything that is wrong, one line each: `FILE:LINE:COLUMN: KEY: MESSAGE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Report {
    /// Name of the file; `None` when the defaults are used.
    pub file: Option<String>,
    /// In the order of the file.
    pub problems: Vec<Problem>,
}

impl Report {
    /// A report, put into the order of the file.
    pub fn new(file: Option<String>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.at);
        Self { file, problems }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.as_deref().unwrap_or("defaults");
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{file}:")?;
            if let Some(at) = problem.at {
                write!(f, "{at}:")?;
            }
            if !problem.path.is_empty() {
                write!(f, " {}:", problem.path)?;
            }
            write!(f, " {}", problem.message)?;
        }
        Ok(())
    }
}
