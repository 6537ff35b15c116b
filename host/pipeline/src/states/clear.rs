//! `insightd state clear`: requests that the agent that uses this state directory clears state.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use insightd_files::{DirError, PrivateDir};

use super::{REQUEST, STATE};
use crate::suggest::did_you_mean;

/// Errors of requesting a clear.
#[derive(Debug, thiserror::Error)]
pub enum ClearError {
    /// No agent keeps state in the directory.
    #[error("no transform state in {}: set --state-dir to the `state_dir` of the agent", .0.display())]
    Nowhere(PathBuf),
    /// There is no state under a name.
    #[error("no state for `{name}`; {meant}state exists for: {known}")]
    Unknown {
        /// The requested name.
        name: String,
        /// A suggestion followed by a space, or empty.
        meant: String,
        /// The existing names.
        known: String,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirError),
}

/// Writes the clear request for the agent. Returns the names of the transforms that it covers.
///
/// # Errors
/// No state exists for a name or in the directory, or the directory cannot be used.
pub fn request_clear(state_dir: &Path, transforms: &[String]) -> Result<Vec<String>, ClearError> {
    let directory =
        PrivateDir::open(state_dir).and_then(|dir| dir.subdir(STATE)).map_err(|error| match error {
            DirError::Io { path, source, .. } if source.kind() == ErrorKind::NotFound => {
                ClearError::Nowhere(path)
            }
            error => error.into(),
        })?;
    let mut known: Vec<String> =
        insightd_state::spaces(&directory)?.into_iter().map(|space| space.transform).collect();
    known.sort_unstable();
    known.dedup();
    if let Some(name) = transforms.iter().find(|name| !known.contains(name)) {
        let meant = did_you_mean(name, known.iter().map(String::as_str));
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(ClearError::Unknown { name: name.clone(), meant, known });
    }
    let text: String = transforms.iter().map(|name| format!("{name}\n")).collect();
    directory.write(REQUEST, text.as_bytes())?;
    Ok(if transforms.is_empty() { known } else { transforms.to_vec() })
}
