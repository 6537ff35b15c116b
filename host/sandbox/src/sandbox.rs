//! The engine and the limits that all components share.

use std::sync::Arc;

use wasmtime::Engine;

use crate::component::{self, Component};
use crate::deadline::Ticker;
use crate::engine;
use crate::error::LoadError;
use crate::limits::Limits;
use crate::native::NativeCode;

/// Runs components. Cheap to clone; one for a process is enough.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) ticker: Ticker,
}

/// The sandbox could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine does not work on this machine.
    #[error("cannot start the WebAssembly runtime: {0}")]
    Engine(String),
    /// The thread that watches deadlines did not start.
    #[error("cannot start the thread that watches the deadlines of components: {0}")]
    Thread(#[from] std::io::Error),
}

impl Sandbox {
    /// A sandbox with these limits.
    ///
    /// # Errors
    /// When the runtime does not work on this machine.
    pub fn new(limits: Limits) -> Result<Self, SandboxError> {
        let engine = engine::engine().map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::new(&engine)?;
        Ok(Self(Arc::new(Shared { engine, limits, ticker })))
    }

    /// The limits of every call.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Makes a component ready: checks its engine, world, version and imports, links it and lets it describe itself.
    /// `name` is the one it has in log lines and errors.
    ///
    /// # Errors
    /// What does not fit, with what was wanted and what was found.
    pub fn load(&self, name: &str, native: &NativeCode) -> Result<Component, LoadError> {
        component::load(&self.0, name, native)
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}
