//! The engine and limits shared by all components.

use wasmtime::Engine;

use crate::limits::CallLimits;
use crate::ticker::Ticker;

/// Engine, limits and epoch ticker of a sandbox.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) limits: CallLimits,
    pub(crate) ticker: Ticker,
}
