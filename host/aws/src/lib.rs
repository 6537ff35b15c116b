//! AWS: the shared configuration of all clients, and delivery to CloudWatch Logs.
//!
//! All clients share one configuration (`sdk`): credentials, region, endpoints, proxies, certificates. [`logs`] is the
//! [`insightd_delivery::Transport`] of CloudWatch Logs. `operation` is for clients of single operations of other services, [`sigv4`] signs
//! requests of other clients.
//!
//! The AWS SDK is behind the feature `client`: without it, `sdk`, `operation` and the transport of [`logs`]
//! are left out.

#![forbid(unsafe_code)]

pub mod logs;
#[cfg(feature = "client")]
pub mod operation;
#[cfg(feature = "client")]
pub mod sdk;
pub mod settings;
#[cfg(feature = "client")]
pub mod sigv4;
