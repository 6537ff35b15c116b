//! Errors of components, classified by the operator's possible response.

use std::fmt;
use std::time::Duration;

use crate::description::Kind;

/// Reason why a component could not be loaded. None of its functions ran except `describe`.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// WebAssembly instead of native code.
    #[error(
        "{name}: WebAssembly, not native code: the agent has no compiler; compile it with \
         `insightd-compile` first"
    )]
    Raw {
        /// Name of the component.
        name: String,
    },
    /// Neither native code nor WebAssembly.
    #[error(
        "{name}: not the native code of a component ({bytes} bytes), or damaged; compile the component again"
    )]
    NotNative {
        /// Name of the component.
        name: String,
        /// Size of the input in bytes.
        bytes: usize,
    },
    /// Native code of another wasmtime version, CPU or engine configuration.
    #[error(
        "{name}: native code for another engine: {reason}; compile the component again with the \
         `insightd-compile` of this agent"
    )]
    Engine {
        /// Name of the component.
        name: String,
        /// Difference found by the engine.
        reason: String,
    },
    /// The right package, in a version that this host does not support.
    #[error(
        "{name}: built for another version of the contract: expected {wanted}, found {found}; \
         build the component with the SDK of this agent's version"
    )]
    Version {
        /// Name of the component.
        name: String,
        /// Interface that this host supports.
        wanted: String,
        /// Interface of the component.
        found: String,
    },
    /// Neither a transform nor a formatter.
    #[error(
        "{name}: unsupported world: expected exactly one of the exports {wanted}; found exports: {found}"
    )]
    World {
        /// Name of the component.
        name: String,
        /// Interfaces of which exactly one is required.
        wanted: String,
        /// Exports of the component.
        found: String,
    },
    /// An import that is not in the contract.
    #[error("{name}: import {import} is not allowed; allowed imports: {allowed}")]
    Import {
        /// Name of the component.
        name: String,
        /// Name of the import.
        import: String,
        /// Allowed imports.
        allowed: &'static str,
    },
    /// The names match the contract, but the types differ.
    #[error(
        "{name}: does not match the contract: {reason}; check that the component was built with \
         unmodified WIT files"
    )]
    Types {
        /// Name of the component.
        name: String,
        /// Difference found by the linker.
        reason: String,
    },
    /// `describe` failed, the first call of every component.
    #[error("{name}: `describe` failed: {error}")]
    Describe {
        /// Name of the component.
        name: String,
        /// Error of the call.
        error: CallError,
    },
}

/// Classes of failed calls, for counters and policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureCause {
    /// The component rejected its configuration, or is of the wrong kind for its slot.
    Config,
    /// The component returned an error.
    Guest,
    /// The component trapped: panic, invalid memory access, deep recursion, forbidden import, exit.
    Trap,
    /// The component exceeded its time.
    Timeout,
    /// The component exceeded its memory or the size of its output.
    Limit,
    /// The output of the component violates the contract.
    Output,
}

impl FailureCause {
    /// All causes, in the order of [`FailureCause::index`].
    pub const ALL: [Self; 6] =
        [Self::Config, Self::Guest, Self::Trap, Self::Timeout, Self::Limit, Self::Output];

    /// Returns the name used in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Guest => "guest",
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Limit => "limit",
            Self::Output => "output",
        }
    }

    /// Returns the position in [`FailureCause::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for FailureCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Error of a failed call. All texts from the component are bounded and free of control characters.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// A transform was used as a formatter, or a formatter as a transform.
    #[error("component is a {is}; this slot requires a {wanted}")]
    Kind {
        /// Kind of the component.
        is: Kind,
        /// Kind required here.
        wanted: Kind,
    },
    /// `configure` returned an error: the component's error text, one problem per line.
    #[error("rejected its configuration: {}", .0.replace('\n', "; "))]
    Config(String),
    /// `process` or `format` returned an error: the component's error text.
    #[error("failed: {0}")]
    Guest(String),
    /// The component trapped.
    #[error("trapped: {0}")]
    Trap(String),
    /// The component exceeded its CPU time.
    #[error("stopped: used {used:?} of CPU time; the limit is {limit:?}")]
    CpuTime {
        /// CPU time of the calling thread since the call began.
        used: Duration,
        /// Limit of the call.
        limit: Duration,
    },
    /// The call exceeded its wall-clock time, independent of CPU time.
    #[error("stopped: took {took:?}; the limit is {limit:?}")]
    WallTime {
        /// Time since the call began.
        took: Duration,
        /// Limit of the call.
        limit: Duration,
    },
    /// The component exceeded another limit.
    #[error("stopped: {0}")]
    Limit(String),
    /// The output violates the contract.
    #[error("returned invalid data: {0}")]
    Output(String),
}

impl CallError {
    /// Returns the class of the error, for counters and policies.
    pub fn cause(&self) -> FailureCause {
        match self {
            Self::Kind { .. } | Self::Config(_) => FailureCause::Config,
            Self::Guest(_) => FailureCause::Guest,
            Self::Trap(_) => FailureCause::Trap,
            Self::CpuTime { .. } | Self::WallTime { .. } => FailureCause::Timeout,
            Self::Limit(_) => FailureCause::Limit,
            Self::Output(_) => FailureCause::Output,
        }
    }
}
