//! What the kubelet and the API server say about a node, as raw entities.
//!
//! [`pods::parse`] reads the answer of the kubelet's `/pods`, [`summary::parse`] that of `/stats/summary`; both take bytes,
//! whether they come from the wire or from a recording. [`Emitter`] puts what they hold into a batch, under the names of
//! `docs/raw-metrics.md`. Nothing here is joined with cgroups and nothing is summed: that is what transforms are for.
//!
//! ```
//! use insightd_collect::Pairing;
//! use insightd_kubernetes::{Emitter, pods};
//! use insights_sdk::Builder;
//!
//! let body = br#"{"items": [{"metadata": {"name": "web", "namespace": "shop", "uid": "u1"}}]}"#;
//! let pods = pods::parse(body, "https://10.0.0.7:10250/pods")?;
//! for problem in &pods.problems {
//!     eprintln!("{problem}");
//! }
//!
//! let mut pairing = Pairing::new(std::time::Duration::from_secs(600));
//! let mut builder = Builder::new("node", "worker-1", 1_735_790_400_000, 60_000);
//! let node = builder.entity("node", "worker-1", None);
//! Emitter::new().emit(&pods, None, node, &mut pairing, 1, &mut builder);
//! assert_eq!(builder.columns().entity_count(), 2);
//! # Ok::<(), insightd_kubernetes::KubeletError>(())
//! ```
//!
//! The kubelet serializes with Go's encoder, and so do a dozen things that stand in front of it or pretend to be it. The
//! parsers therefore read as Go does where it matters: `null` is the same as an absent field, unknown fields are ignored,
//! of a key that occurs twice the last value counts. What does not have the type that the API documents costs the field,
//! at worst the pod, and is reported as a [`Problem`]; only a document that is no list of pods at all is an error.

#![forbid(unsafe_code)]

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
mod most;
pub mod pods;
mod problem;
pub mod quantity;
#[cfg(feature = "client")]
mod room;
mod stream;
pub mod summary;
mod text;

pub use emit::{Emitter, Facts};
pub use error::KubeletError;
pub use problem::{Cost, Problem, Problems, Subject};
