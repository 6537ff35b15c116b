//! AWS: the instance that the agent runs on, and delivery to CloudWatch Logs.
//!
//! Everything asks through one configuration ([`sdk`]): credentials, region, endpoints, proxies, certificates.

pub mod instance;
pub mod sdk;
