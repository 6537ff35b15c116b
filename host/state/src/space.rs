//! One space: whose it is, and what is in it.

use std::fmt;
use std::sync::Arc;

use insights_sdk::state::Space;

/// Whose a space is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpaceId {
    /// Name of the transform in the configuration. Its versions share the space.
    pub transform: String,
    /// Kind and id of the scope: `node/n1`.
    pub scope: String,
}

impl SpaceId {
    /// The space of a transform for the scope of this kind and id, as a batch names them.
    pub fn new(transform: &str, scope: &str, scope_id: &str) -> Self {
        Self { transform: transform.to_owned(), scope: format!("{scope}/{scope_id}") }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.transform.len() as u64 + self.scope.len() as u64
    }
}

impl fmt::Display for SpaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transform, self.scope)
    }
}

/// A space that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) space: Arc<Space>,
    /// First and last commit.
    pub(crate) since_ms: u64,
    pub(crate) written_ms: u64,
    /// Somebody asked for it since the store was opened.
    pub(crate) used: bool,
}
