//! Ways to reach an agent.

use std::fmt;
use std::path::PathBuf;

/// The agent's socket in the state directory of the manifests and of the systemd unit.
pub(crate) const DEFAULT_SOCKET: &str = "/var/lib/insightd/api.sock";

/// The place where an agent's API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A Unix socket.
    Socket(PathBuf),
    /// Host and port.
    Address(String),
    /// A command; `insightd api PATH` is appended to its words.
    Exec(Vec<String>),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Address(address) => f.write_str(address),
            Self::Exec(words) => match shlex::try_join(words.iter().map(String::as_str)) {
                Ok(command) => write!(f, "`{command}`"),
                // Nothing can quote a NUL, with which no command starts either.
                Err(_) => write!(f, "`{}`", words.join(" ")),
            },
        }
    }
}
