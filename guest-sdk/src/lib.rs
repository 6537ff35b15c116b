//! Write insightd transforms.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)]

extern crate alloc;

mod about;
mod batch;
mod builder;
pub mod columns;
mod component;
mod counter;
mod entity;
mod export;
#[cfg(feature = "readable")]
pub mod golden;
#[cfg(all(feature = "guest", target_family = "wasm"))]
#[doc(hidden)]
pub mod guest;
mod hash;
pub mod json;
mod key;
pub mod log;
mod payloads;
#[cfg(feature = "readable")]
pub mod readable;
mod settings;
mod unit;

pub use about::About;
pub use batch::{Batch, Name};
pub use builder::{Builder, EntityId, StringId};
pub use columns::Columns;
pub use component::{Formatter, Transform, configure};
pub use counter::Counter;
pub use entity::Entity;
pub use hash::FxHasher;
pub use key::Key;
pub use payloads::{Event, Limits, Payloads};
#[cfg(feature = "readable")]
pub use readable::ReadableError;
pub use settings::{ConfigError, Settings};
pub use unit::Unit;

/// What the export macros name; no part of the API.
#[doc(hidden)]
pub mod __private {
    pub use alloc::string::String;
}

/// Everything an author needs, in one `use`.
pub mod prelude {
    pub use crate::{
        About, Batch, ConfigError, Counter, Entity, Formatter, Key, Limits, Name, Payloads, Settings,
        Transform, Unit, json, log,
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
