//! Write insightd transforms.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod builder;
pub mod columns;
mod hash;

pub use builder::{Builder, EntityId, StringId};
pub use columns::Columns;
pub use hash::FxHasher;
