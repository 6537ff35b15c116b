//! Write insightd transforms: sandboxed components that give meaning to the metrics of a node.
//!
//! A complete transform, which sets the team of every pod:
//!
//! ```
//! use insights_sdk::prelude::*;
//!
//! struct Team(String);
//! impl Transform for Team {
//!     const ABOUT: About = About::new("team", "1.0.0");
//!     fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
//!         Ok(Team(settings.string("label").unwrap_or("team".into())))
//!     }
//!     fn process(&self, batch: &Batch) -> Result<(), String> {
//!         for pod in batch.pods() {
//!             pod.set_attribute("Team", pod.label(&self.0).unwrap_or("nobody"));
//!         }
//!         Ok(())
//!     }
//! }
//! insights_sdk::export_transform!(Team);
//! ```
//!
//! The crate is a `cdylib` (and an `rlib`, for its tests) that depends on this one; `cargo build --target wasm32-wasip2`
//! builds the component. docs/authors.md leads from there to a tested transform; docs/raw-metrics.md lists all names.
//!
//! Overview:
//!
//! - [`Batch`]: all data that the host has about a node at one time, as [`Entity`]s with parents, children and links.
//!   [`Batch::pods`], [`Batch::node`] and the other [`views`] wrap them with methods for the raw vocabulary.
//! - An [`Entity`] has attributes ([`Entity::attribute`]), gauges ([`Entity::gauge`]) and monotonic counters
//!   ([`Entity::counter`], with [`Counter::delta`] and [`Counter::per_second`]). A value that the host could not read is
//!   `None`, never zero.
//! - [`Entity::publish`]: sets a metric for dashboards, with its [`Unit`].
//! - [`Settings`]: the configuration; mistakes in it are reported all at once, each with its path.
//! - [`state`]: data that survives from tick to tick, if the configuration grants it.
//! - [`log`]: lines in the agent's log. [`json`]: a small reader and writer. [`protobuf`]: the same for protobuf messages.
//! - [`Formatter`] and [`Payloads`]: the end of a chain, which turns a batch into bytes.
//! - `readable` and `golden`, with the feature `readable`: batches as JSON, and tests made of directories.
//!
//! Features: `std` (default) for authors; `guest` (default) for components; `readable` for tests. The components that
//! come with insightd disable `std` and then import nothing but the contract.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod about;
mod component;
mod export;
#[cfg(feature = "readable")]
pub mod golden;
#[cfg(all(feature = "guest", target_family = "wasm"))]
#[doc(hidden)]
pub mod guest;
mod patterns;
mod settings;
pub mod state;

pub use about::About;
pub use component::{Formatter, Transform, configure};
#[doc(inline)]
pub use insights_batch::{
    Batch, Builder, Columns, Counter, Entity, EntityId, Event, FxHasher, Key, Limits, Name, Payloads,
    StringId, Unit, columns, json, log, protobuf, views,
};
#[cfg(feature = "readable")]
#[doc(inline)]
pub use insights_batch::{ReadableError, readable};
pub use patterns::Patterns;
pub use settings::{ConfigError, Settings};

/// Items that the export macros refer to; not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use alloc::string::String;
    pub use alloc::vec::Vec;
}

/// Everything that an author needs, in one `use`.
pub mod prelude {
    pub use crate::{
        About, Batch, ConfigError, Counter, Entity, Formatter, Key, Limits, Name, Patterns, Payloads,
        Settings, Transform, Unit, json, log, state, stored,
        views::{Cluster, Container, Instance, Namespace, Node, Pod, Service, Task, Volume, Workload},
    };
    pub use alloc::{
        borrow::ToOwned,
        boxed::Box,
        format,
        string::{String, ToString},
        vec,
        vec::Vec,
    };
}
