//! Failures of the client.

use std::io;
use std::time::Duration;

/// A failed request to an agent.
#[derive(Debug, thiserror::Error)]
#[error("{endpoint}: {failure}")]
pub(crate) struct LiveError {
    /// The endpoint, for people.
    pub(crate) endpoint: String,
    /// The reason.
    pub(crate) failure: Failure,
}

/// Reason of a failed request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The socket does not exist.
    #[error(
        "no such socket; start the agent, or name the api.sock in its `state_dir` with --socket, or use --address or --exec"
    )]
    NoSocket,
    /// Nobody listens on the socket.
    #[error("no agent listens on this socket; the one that created it has ended")]
    NoListener,
    /// The socket belongs to another user.
    #[error("permission denied; the socket is for the agent's user and root")]
    Permission,
    /// No connection.
    #[error("cannot connect: {0}; is the agent running, and is this its `operations.listen`?")]
    Connect(io::Error),
    /// The command does not start.
    #[error("cannot start the command of --exec: {0}")]
    Start(io::Error),
    /// The command failed.
    #[error("the command of --exec failed ({status}): {message}")]
    Command {
        /// Exit code or signal.
        status: String,
        /// The last lines of standard error.
        message: String,
    },
    /// The agent rejected the request.
    #[error("{path}: HTTP status {status}{message}")]
    Status {
        /// Path without the query.
        path: String,
        /// Status code.
        status: u16,
        /// First line of the body after `: `, or empty.
        message: String,
    },
    /// Nothing arrived in time.
    #[error("no response for {} s", .0.as_secs())]
    Silent(Duration),
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(String),
    /// More bytes than allowed.
    #[error("{path}: the response is larger than {bytes} bytes")]
    TooLarge {
        /// Path without the query.
        path: String,
        /// The bound.
        bytes: usize,
    },
    /// A line without end.
    #[error("a line of the tap is longer than {0} bytes")]
    LongLine(usize),
    /// Something else than insightd, or a damaged response.
    #[error("{path}: not a document of insightd's API: {reason}")]
    Foreign {
        /// Path without the query.
        path: String,
        /// The first difference.
        reason: String,
    },
    /// A version of the API that this program does not know.
    #[error(
        "{path}: version {found} of the API; this program reads version {known}: use the insightctl of the agent's release"
    )]
    Version {
        /// Path without the query.
        path: String,
        /// The agent's version.
        found: String,
        /// The version of this program.
        known: u64,
    },
}

impl Failure {
    /// Returns true if the agent responded and has no tap at this endpoint, so that only its own figures can be shown.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { .. })
    }
}
