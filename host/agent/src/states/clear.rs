//! `insightd state clear`: asks the agent whose directory this is to forget.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use insightd_folder::{PrivateDir, Trouble};

use super::{STATE, WISH};

/// Why nothing is asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClearError {
    /// No agent keeps state there.
    #[error("{}: no agent keeps state there: see `state_dir` in its configuration, and `--state-dir`", .0.display())]
    Nowhere(PathBuf),
    /// Nothing is remembered under a name.
    #[error("nothing is remembered for `{name}`; there is state of: {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] Trouble),
}

/// Leaves the request for the agent. Returns the names that it is about.
///
/// # Errors
/// There is no state of a name, or none at all, or the directory cannot be used.
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
