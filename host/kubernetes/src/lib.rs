//! Reads pods, statistics and node facts from the kubelet and the API server, and emits them as raw entities.
//!
//! [`pods::parse`] parses a response of the kubelet's `/pods`, [`summary::parse`] one of `/stats/summary`; both take bytes,
//! from the wire or from a recording. [`Emitter`] adds the result to a batch, under the names of `docs/raw-metrics.md`.
//! Nothing is joined with cgroups or aggregated here: that is the task of transforms.
//!
//! ```
//! use insightd_collect::CounterCache;
//! use insightd_kubernetes::{Emitter, pods};
//! use insights_batch::Builder;
//!
//! let body = br#"{"items": [{"metadata": {"name": "web", "namespace": "shop", "uid": "u1"}}]}"#;
//! let pods = pods::parse(body, "https://10.0.0.7:10250/pods")?;
//! for problem in &pods.problems {
//!     eprintln!("{problem}");
//! }
//!
//! let mut counter_cache = CounterCache::new(std::time::Duration::from_secs(600));
//! let mut builder = Builder::new("node", "worker-1", 1_735_790_400_000, 60_000);
//! let node = builder.entity("node", "worker-1", None);
//! Emitter::new().emit(&pods, None, node, &mut counter_cache, 1, &mut builder);
//! assert_eq!(builder.columns().entity_count(), 2);
//! # Ok::<(), insightd_kubernetes::KubeletError>(())
//! ```
//!
//! The kubelet serializes with Go's encoder, as do several proxies and emulators of it. The parsers therefore follow Go's
//! semantics where it matters: `null` equals an absent field, unknown fields are ignored, and of a duplicate key the last
//! value is used. A value of a type other than the documented one costs the field, at worst the pod, and is reported as a
//! [`Problem`]; only a document that is not a list of pods is an error.

#![forbid(unsafe_code)]

#[cfg(feature = "client")]
mod budget;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
pub mod cluster;
mod document;
mod emit;
mod error;
#[cfg(feature = "client")]
pub mod events;
pub mod facts;
#[cfg(feature = "client")]
pub mod fargate;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod item;
#[cfg(feature = "client")]
pub mod kubelet;
#[cfg(feature = "client")]
pub mod leader;
#[cfg(feature = "client")]
pub mod local;
#[cfg(feature = "client")]
mod lock_object;
pub mod pods;
mod problem;
mod quantity;
mod selection;
mod stream;
pub mod summary;
mod text;

pub use emit::{Emitter, Facts};
pub use error::KubeletError;
pub use problem::{Cost, Problem, Problems, Subject};
