//! AWS: the shared configuration of all clients, and delivery to CloudWatch Logs.
//!
//! All clients share one configuration ([`sdk`]): credentials, region, endpoints, proxies, certificates. [`delivery`] stores
//! and retries whatever a [`delivery::Transport`] can send; [`logs`] implements one.

#![forbid(unsafe_code)]

pub mod delivery;
pub mod error_text;
pub mod logs;
pub mod sdk;
