//! Delivery of request bodies over HTTP/1.1, for sinks whose formatter makes whole requests, such as OTLP
//! and remote write of Prometheus.
//!
//! A [`Push`] is the [`Transport`](insightd_delivery::Transport) of one endpoint: it sends a body as it is, with headers from
//! the settings, from files that are read again for every request, or from a [`Signer`]. A [`Protocol`] decides what a response
//! means. Certificates are loaded again when their files change.

#![forbid(unsafe_code)]

mod body;
mod client;
mod headers;
mod otlp;
mod push;
pub mod remote_write;
mod response;
mod settings;
mod sign;
mod tls;

pub use body::{BodyKind, Encoding};
pub use push::Push;
pub use response::Protocol;
pub use settings::{HeaderSource, Identity, PushSettings, TlsSettings};
pub use sign::{SignError, SignFuture, Signature, Signer, Unsigned};
