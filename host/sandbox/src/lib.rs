//! Runs the components in which everything a team may want to change is written: which labels, which ratios, which names,
//! which output format.
//!
//! A [`Sandbox`] loads native code that the [`Compiler`] child made (or that was built into the agent) and gives back a
//! [`Component`]. Each call of it has a fresh instance with bounded memory, CPU time and output, and ends in a result or in
//! a [`CallError`] that says what kind of failure it was. A [`Slot`] is one place in a pipeline: a component, what takes
//! over when it fails, and counters.
//!
//! What a component remembers from tick to tick is given to a call as a [`State`] and comes back as [`Changes`]; a call
//! itself keeps nothing.
//!
//! There is no compiler in here: raw WebAssembly is refused.
#![deny(unsafe_code)]

mod bindings;
mod budget;
mod call;
mod compiler;
mod component;
mod convert;
mod deadline;
pub mod engine;
mod error;
mod hex;
mod limits;
mod log;
mod native;
mod output;
mod sandbox;
mod slice;
mod slot;
mod state;
mod subset;
mod text;
mod wasi;

pub use budget::{Budget, Stop};
pub use compiler::{CompileError, CompileLimits, Compiler};
pub use component::{Component, Description, Kind};
pub use error::{CallError, Cause, LoadError};
pub use limits::Limits;
pub use native::NativeCode;
pub use sandbox::{Sandbox, SandboxError};
pub use slot::{OnFailure, Origin, Processed, Slot, SlotConfig, Stats, VersionStats, without};
pub use text::{clip, is_hidden};

/// What a call may remember, and what it changed of that.
pub use insights_sdk::state::{Bounds, Changes, Space, State};
