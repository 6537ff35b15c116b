//! One space: its id and its content.

use std::fmt;
use std::sync::Arc;

use insights_batch::state::Space;

/// Id of a space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpaceId {
    /// Name of the transform in the configuration. All its versions share the space.
    pub transform: String,
    /// Kind and id of the scope: `node/n1`.
    pub scope: String,
}

impl SpaceId {
    /// Builds the id from a transform's name and the kind and id of a scope, as in a batch.
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

/// A stored space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredSpace {
    pub(crate) space: Arc<Space>,
    /// Times of the first and last commit, milliseconds since the Unix epoch.
    pub(crate) since_ms: u64,
    pub(crate) written_ms: u64,
    /// Time of the last tick that requested or changed the space, milliseconds since the Unix epoch; `None` if there was none since
    /// the store was opened. Not stored.
    pub(crate) used_ms: Option<u64>,
    /// `true` if the space was requested since the last commit. Not stored.
    pub(crate) is_requested: bool,
}
