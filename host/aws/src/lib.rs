//! AWS: the one configuration of all its clients, and delivery to CloudWatch Logs.
//!
//! Everything asks through one configuration ([`sdk`]): credentials, region, endpoints, proxies, certificates.
//! What [`delivery`] keeps and sends again is whatever a [`delivery::Post`] can send; [`logs`] is one.

#![forbid(unsafe_code)]

pub mod delivery;
pub mod logs;
pub mod sdk;
pub mod words;
