//! `insightd state clear`: requests that the agent that uses this state directory clears state.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use insightd_folder::{PrivateDir, Trouble};

use super::{STATE, WISH};

/// Errors of requesting a clear.
#[derive(Debug, thiserror::Error)]
pub enum ClearError {
    /// No agent keeps state in the directory.
    #[error("{}: no agent keeps state there: see `state_dir` in its configuration, and `--state-dir`", .0.display())]
    Nowhere(PathBuf),
    /// There is no state under a name.
    #[error("nothing is remembered for `{name}`; there is state of: {known}")]
    Unknown {
        /// The requested name.
        name: String,
        /// The existing names.
        known: String,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] Trouble),
}

/// Writes the clear request for the agent. Returns the names of the transforms that it covers.
///
/// # Errors
/// No state exists for a name or in the directory, or the directory cannot be used.
pub fn wish_to_clear(state_dir: &Path, transforms: &[String]) -> Result<Vec<String>, ClearError> {
    let folder =
        PrivateDir::open(state_dir).and_then(|dir| dir.subdir(STATE)).map_err(|trouble| match trouble {
            Trouble::Io { path, source, .. } if source.kind() == ErrorKind::NotFound => {
                ClearError::Nowhere(path)
            }
            trouble => trouble.into(),
        })?;
    let mut known: Vec<String> =
        insightd_state::spaces(&folder)?.into_iter().map(|space| space.transform).collect();
    known.sort_unstable();
    known.dedup();
    if let Some(name) = transforms.iter().find(|name| !known.contains(name)) {
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        return Err(ClearError::Unknown { name: name.clone(), known });
    }
    let text: String = transforms.iter().map(|name| format!("{name}\n")).collect();
    folder.write(WISH, text.as_bytes())?;
    Ok(if transforms.is_empty() { known } else { transforms.to_vec() })
}
