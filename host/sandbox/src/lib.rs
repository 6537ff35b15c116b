//! Sandbox for the WebAssembly components that define everything a team may want to change: labels, ratios, names, and
//! the output format.
//!
//! A [`Sandbox`] loads native code made by the [`Compiler`] child (or built into the agent) and returns a [`Component`].
//! Each call runs in a fresh instance with bounded memory, CPU time and output, and ends in a result or a classified
//! [`CallError`]. A [`Slot`] is one stage of a pipeline: a component, its fallback versions, and statistics.
//!
//! A call receives the persistent state of a component as a [`State`] and returns its modifications as [`Changes`]; nothing
//! else survives a call.
//!
//! This crate contains no compiler: raw WebAssembly is rejected. [`engine::HAS_COMPILER`] says whether the build added one.
#![deny(unsafe_code)]

mod bindings;
mod budget;
mod call;
mod compiler;
mod component;
mod convert;
mod deadline;
mod description;
pub mod engine;
mod error;
mod hex;
mod imports;
mod limits;
mod log;
mod native;
mod output;
mod random;
mod sandbox;
mod shared;
mod slice;
mod slot;
mod stop;
mod subset;
mod text;
mod ticker;

pub use budget::Budget;
pub use compiler::{CompileError, CompileLimits, Compiler};
pub use component::Component;
pub use description::{Description, Kind};
pub use error::{CallError, FailureCause, LoadError};
pub use hex::Hex;
pub use limits::CallLimits;
pub use native::NativeCode;
pub use sandbox::{Sandbox, SandboxError};
pub use slot::{OnFailure, Origin, Processed, Slot, SlotConfig, SlotStats, VersionStats, without_parts};
pub use stop::Stop;
pub use text::is_hidden;

/// Types of a component's persistent state.
pub use insights_batch::state::{Bounds, Changes, Space, State};
