//! The data model that the host and the components of insightd share.
//!
//! - [`Columns`]: the wire form of a batch, and the rules that each side checks.
//! - [`Builder`]: fills columns row by row; the host's sources use it.
//! - [`Batch`]: the edited form, with its [`Entity`] handles, [`Counter`]s, [`Unit`]s and the typed [`views`].
//! - [`Payloads`]: the output of a formatter.
//! - [`state`]: keys and values that a transform keeps from tick to tick, and the changes of one call.
//! - [`json`]: a small reader and writer. `readable`, with the feature of that name: batches and states as JSON.
//! - [`protobuf`]: the fields of a message.
//! - [`log`]: lines in the agent's log, such as warnings about ignored calls.
//!
//! Authors of components depend on `insights-sdk`, which re-exports all of it.
//!
//! Features: `std` (default); `guest` for components; `readable` for tests and recordings.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod batch;
mod builder;
pub mod columns;
mod counter;
mod entity;
mod hash;
mod index;
pub mod json;
mod key;
pub mod log;
mod payloads;
pub mod protobuf;
#[cfg(feature = "readable")]
pub mod readable;
pub mod state;
mod unit;
pub mod views;

pub use batch::{Batch, Name};
pub use builder::{Builder, EntityId, StringId};
pub use columns::Columns;
pub use counter::Counter;
pub use entity::Entity;
pub use hash::FxHasher;
pub use key::Key;
pub use payloads::{Event, Limits, Payloads};
#[cfg(feature = "readable")]
pub use readable::ReadableError;
pub use unit::Unit;
