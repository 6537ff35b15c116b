//! Kind and self-description of a component.

use std::fmt;

/// Kind of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stage of a pipeline: batch in, batch out.
    Transform,
    /// The end of a pipeline: batch in, bytes out.
    Formatter,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transform => "transform",
            Self::Formatter => "formatter",
        })
    }
}

/// Self-description of a component; see `record description` in `wit/types.wit`. All texts are bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Short name, such as `utilization`.
    pub name: String,
    /// Version of the component.
    pub version: String,
    /// JSON schema of its configuration.
    pub config_schema: String,
    /// Names of the values that it reads.
    pub reads: Vec<String>,
    /// Names of the values that it writes.
    pub writes: Vec<String>,
}
