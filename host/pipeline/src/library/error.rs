//! Reasons that a component or its file cannot be used.

use std::path::{Path, PathBuf};

use insightd_files::ReadError;
use insightd_sandbox::{CompileError, Kind, LoadError};

use crate::builtins;
use crate::sha256::Sha256;
use crate::suggest::did_you_mean;

/// Reasons that the file of a component cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The file does not exist. It may still arrive.
    #[error("{}", ReadError::Missing)]
    Missing,
    /// The file exists but cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl From<ReadError> for FileError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Missing => Self::Missing,
            error => Self::Unusable(error.to_string()),
        }
    }
}

/// Reasons that a component cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LibraryError {
    /// No built-in has this name.
    #[error("unknown built-in `{name}`; {meant}known built-ins: {known}")]
    NoBuiltin {
        /// The requested name.
        name: String,
        /// A suggestion followed by a space, or empty.
        meant: String,
        /// Names of the built-ins.
        known: String,
    },
    /// The built-in is an optional part of the agent, which this build leaves out.
    #[error("this build leaves out the built-in `{name}`: build with `make build`")]
    LeftOut {
        /// The requested name.
        name: String,
    },
    /// The embedded code is damaged.
    #[error("cannot unpack the built-in `{name}` ({error}): the agent's executable is damaged; reinstall it")]
    Packed {
        /// Name of the built-in.
        name: String,
        /// Error text.
        error: String,
    },
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: FileError,
    },
    /// The content is not the pinned one.
    #[error("SHA-256 mismatch for {what}: expected {wanted}, found {found}")]
    Hash {
        /// The component.
        what: String,
        /// SHA-256 of the content.
        found: Sha256,
        /// The pinned SHA-256.
        wanted: Sha256,
    },
    /// The component does not compile.
    #[error("{}: {error}", path.display())]
    Compile {
        /// The file.
        path: PathBuf,
        /// Error text.
        error: String,
    },
    /// The component does not fit the contract or this agent.
    #[error("{0}")]
    Load(String),
    /// A transform instead of a formatter, or the other way round.
    #[error("{what} is a {found}; this slot requires a {wanted}")]
    Kind {
        /// The component.
        what: String,
        /// Its kind.
        found: Kind,
        /// The required kind.
        wanted: Kind,
    },
}

impl LibraryError {
    /// Returns the error for a name that no embedded built-in has.
    pub(super) fn no_builtin(name: &str) -> Self {
        let name = name.to_owned();
        if builtins::is_left_out(&name) {
            return Self::LeftOut { name };
        }
        Self::NoBuiltin {
            meant: did_you_mean(&name, builtins::names()),
            known: builtins::names().collect::<Vec<_>>().join(", "),
            name,
        }
    }
}

/// Returns a function that adds the file to an error of the compiler.
pub(super) fn compile_error(path: &Path) -> impl Fn(CompileError) -> LibraryError {
    move |error| LibraryError::Compile { path: path.into(), error: error.to_string() }
}

impl From<LoadError> for LibraryError {
    fn from(error: LoadError) -> Self {
        Self::Load(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds with and without the feature: then the name is left out instead of unknown.
    #[test]
    fn a_builtin_is_either_embedded_or_left_out() {
        assert_eq!(builtins::is_left_out("script"), !cfg!(feature = "script"));
        assert_eq!(builtins::find("script").is_some(), cfg!(feature = "script"));
        assert!(!builtins::is_left_out("emf") && !builtins::is_left_out("scirpt"));
        let error = LibraryError::no_builtin("em").to_string();
        assert!(error.starts_with("unknown built-in `em`; did you mean `emf`?"), "{error}");
        assert_eq!(
            LibraryError::LeftOut { name: "script".into() }.to_string(),
            "this build leaves out the built-in `script`: build with `make build`"
        );
    }
}
