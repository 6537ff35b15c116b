//! Errors of a configuration.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// One or more problems of a configuration, each with the path of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    /// Creates an error with one problem.
    pub fn new(problem: impl Into<String>) -> Self {
        Self { problems: vec![problem.into()] }
    }

    /// Problems, such as `interval: expected a number, found a string`.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Returns the same text as `Display`. `to_string` would link the standard library's formatting into a component.
    #[cold]
    pub fn into_text(self) -> String {
        self.problems.join("\n")
    }

    pub(crate) fn from_problems(problems: Vec<String>) -> Self {
        Self { problems }
    }

    pub(crate) fn join(&mut self, mut other: Self) {
        self.problems.append(&mut other.problems);
    }
}

/// Writes one problem per line.
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            f.write_str(problem)?;
        }
        Ok(())
    }
}

impl core::error::Error for ConfigError {}

impl From<String> for ConfigError {
    fn from(problem: String) -> Self {
        Self::new(problem)
    }
}

impl From<&str> for ConfigError {
    fn from(problem: &str) -> Self {
        Self::new(problem)
    }
}
