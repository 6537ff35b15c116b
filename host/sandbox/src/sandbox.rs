//! The entry point of this crate: creates the engine and loads components.

use std::sync::Arc;

use crate::component::{self, Component};
use crate::engine;
use crate::error::LoadError;
use crate::limits::CallLimits;
use crate::native::NativeCode;
use crate::shared::Shared;
use crate::ticker::Ticker;

/// Loads and runs components. Cheap to clone; one per process is enough.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

/// Reason why the sandbox could not be created.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine does not work on this machine.
    #[error("cannot start the WebAssembly runtime: {0}")]
    Engine(String),
    /// The thread that advances the epoch for deadlines did not start.
    #[error("cannot start the deadline thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl Sandbox {
    /// Creates a sandbox with these limits.
    ///
    /// # Errors
    /// Fails if the runtime does not work on this machine.
    pub fn new(limits: CallLimits) -> Result<Self, SandboxError> {
        let engine = engine::engine().map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::new(&engine)?;
        Ok(Self(Arc::new(Shared { engine, limits, ticker })))
    }

    /// Returns the limits of every call.
    pub fn limits(&self) -> &CallLimits {
        &self.0.limits
    }

    /// Loads a component: checks its engine, world, version and imports, links it and calls `describe`.
    /// `name` identifies it in log messages and errors.
    ///
    /// # Errors
    /// Returns the first check that failed, with the expected and the found value.
    pub fn load(&self, name: &str, native: &NativeCode) -> Result<Component, LoadError> {
        component::load(&self.0, name, native)
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}
