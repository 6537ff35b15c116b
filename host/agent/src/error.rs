//! The error of wrong usage, which has an exit code of its own.

use crate::config::Report;

/// A usage or configuration error: exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

impl From<Report> for Usage {
    fn from(report: Report) -> Self {
        Self(report.to_string())
    }
}
