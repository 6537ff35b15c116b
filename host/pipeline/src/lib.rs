//! The pipeline engine: runs batches through sandboxed components and hands the events to sinks.
//!
//! ```text
//! spec (configured) -> library (finds, compiles) -> assemble -> Pipeline: stages -> outputs -> filter -> Sinks
//!                                                     Bundle: pipelines of one generation
//!                                                       shadow: compares a new bundle with the running one
//!                                                       probation: installs it, and rolls it back if it fails
//! ```
//!
//! It knows nothing of Kubernetes, AWS, HTTP or files of configuration: the agent and the offline tool give it specifications, batches
//! and sinks.
#![deny(unsafe_code)]

mod assemble;
pub mod builtins;
pub mod bundle;
pub mod checks;
mod counters;
mod estimate;
pub mod filter;
pub mod library;
mod log_throttle;
mod observe;
mod output;
mod pipeline;
pub mod probation;
mod problem;
pub mod route;
mod series;
mod sha256;
pub mod shadow;
mod spec;
mod stage;
pub mod states;
pub mod suggest;

pub use assemble::{ComponentLimits, assemble};
pub use counters::{Counters, Flow, Lost};
pub use estimate::Estimate;
pub use insightd_sandbox::OnFailure;
pub use log_throttle::LogThrottle;
pub use observe::{Location, Observer};
pub use output::{Delivery, Output, Permit, Sinks};
pub use pipeline::{Pipeline, SlotRef, run_scope};
pub use problem::{MAX_PROBLEMS, Problem};
pub use sha256::Sha256;
pub use spec::{
    ComponentConfig, ComponentSpec, Origin, OutputSpec, PipelineSpec, Scope, StageSpec, TextFile,
};
pub use stage::Stage;
