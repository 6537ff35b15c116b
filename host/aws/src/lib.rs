//! AWS: the shared configuration of all clients, and delivery to CloudWatch Logs.
//!
//! All clients share one configuration (`sdk`): credentials, region, endpoints, proxies, certificates. [`delivery`] stores
//! and retries whatever a [`delivery::Transport`] can send; [`logs`] implements one. `operation` is for clients of single
//! operations of other services.
//!
//! The AWS SDK is behind the feature `client`: without it, `sdk`, `operation` and the transport of [`logs`]
//! are left out.

#![forbid(unsafe_code)]

pub mod delivery;
pub mod error_text;
pub mod logs;
#[cfg(feature = "client")]
pub mod operation;
#[cfg(feature = "client")]
pub mod sdk;
pub mod settings;
