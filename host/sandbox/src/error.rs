//! What can go wrong with a component, told apart by what the operator has to do about it.

use std::fmt;
use std::time::Duration;

use crate::component::Kind;

/// Why a component could not be loaded. It never ran, or only to describe itself.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// WebAssembly where native code was expected.
    #[error(
        "{name}: this is WebAssembly, not native code: the agent has no compiler, `insightd-compile` has to translate it first"
    )]
    Raw {
        /// Name given to the component.
        name: String,
    },
    /// Neither native code nor WebAssembly.
    #[error(
        "{name}: not native code of a component ({bytes} bytes): damaged or cut off? Compile the component again"
    )]
    NotNative {
        /// Name given to the component.
        name: String,
        /// Size of what was given.
        bytes: usize,
    },
    /// Native code of another wasmtime, processor or engine configuration.
    #[error(
        "{name}: native code of another engine: {reason}. Compile the component again with the `insightd-compile` of this agent"
    )]
    Engine {
        /// Name given to the component.
        name: String,
        /// What differs.
        reason: String,
    },
    /// The right package in a version that this host does not serve.
    #[error(
        "{name}: made for another version of the contract: wanted {wanted}, found {found}. Build the component with the SDK of this agent's version"
    )]
    Version {
        /// Name given to the component.
        name: String,
        /// Interface that this host serves.
        wanted: String,
        /// Interface that the component has.
        found: String,
    },
    /// Not a transform and not a formatter.
    #[error("{name}: of another world: wanted a component that exports {wanted}, found exports: {found}")]
    World {
        /// Name given to the component.
        name: String,
        /// Interfaces of which one is needed.
        wanted: String,
        /// What the component exports.
        found: String,
    },
    /// An import that is not in the contract.
    #[error("{name}: imports {import}, which no component gets: allowed are {allowed}")]
    Import {
        /// Name given to the component.
        name: String,
        /// The import.
        import: String,
        /// What a component may import.
        allowed: &'static str,
    },
    /// The names are right, the types behind them are not.
    #[error("{name}: does not fit the contract: {reason}. Was the component built with changed WIT files?")]
    Types {
        /// Name given to the component.
        name: String,
        /// What differs.
        reason: String,
    },
    /// `describe` failed, the first call that every component gets.
    #[error("{name}: cannot describe itself: {error}")]
    Describe {
        /// Name given to the component.
        name: String,
        /// What happened.
        error: CallError,
    },
}

/// Kinds of failed calls, for counters and policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The component refused its configuration, or is not what its place in the configuration needs.
    Config,
    /// The component returned an error.
    Guest,
    /// The component trapped: panic, wrong memory access, deep recursion, forbidden import, exit.
    Trap,
    /// The component ran out of time.
    Timeout,
    /// The component asked for more memory, or handed over more, than it may.
    Limit,
    /// What the component returned breaks the rules of the contract.
    Output,
}

impl Cause {
    /// All, in the order of [`Cause::index`].
    pub const ALL: [Self; 6] =
        [Self::Config, Self::Guest, Self::Trap, Self::Timeout, Self::Limit, Self::Output];

    /// Word for logs and metrics.
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

    /// Position in [`Cause::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a call failed. All texts that come from the component are bounded and on one line.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// A transform was used as a formatter, or the other way round.
    #[error("it is a {is}, and this place needs a {wanted}")]
    Kind {
        /// What it is.
        is: Kind,
        /// What was needed.
        wanted: Kind,
    },
    /// `configure` returned an error, in the component's words: one problem a line.
    #[error("refuses its configuration: {}", .0.replace('\n', "; "))]
    Config(String),
    /// `process` or `format` returned an error, in the component's words.
    #[error("failed: {0}")]
    Guest(String),
    /// The component trapped.
    #[error("trapped: {0}")]
    Trap(String),
    /// The component used up its CPU time.
    #[error("stopped: it used {used:?} of CPU time, the limit is {limit:?}")]
    CpuTime {
        /// CPU time of the calling thread since the call began.
        used: Duration,
        /// What is allowed.
        limit: Duration,
    },
    /// The call took too long on the clock, whatever the CPU did.
    #[error("stopped: it took {took:?}, the limit is {limit:?}")]
    WallTime {
        /// Time since the call began.
        took: Duration,
        /// What is allowed.
        limit: Duration,
    },
    /// The component went over another limit.
    #[error("stopped: {0}")]
    Limit(String),
    /// The output breaks the contract.
    #[error("returned invalid data: {0}")]
    Output(String),
}

impl CallError {
    /// Kind, for counters and policies.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Kind { .. } | Self::Config(_) => Cause::Config,
            Self::Guest(_) => Cause::Guest,
            Self::Trap(_) => Cause::Trap,
            Self::CpuTime { .. } | Self::WallTime { .. } => Cause::Timeout,
            Self::Limit(_) => Cause::Limit,
            Self::Output(_) => Cause::Output,
        }
    }
}
