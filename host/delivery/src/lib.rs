//! Delivery that survives failures of the service, the process and the node: blocks stay in a spool until the service accepts
//! them.
//!
//! A thread of its own owns the spool: a [`DeliveryQueue`] passes orders to it, so that no other thread waits for the disk without a
//! bound. `policy` defines the waits, `scheduler` decides when a request may be sent, and [`run`] sends it. A [`Transport`] implements
//! the wire format and interprets responses.

#![forbid(unsafe_code)]

mod orders;
mod policy;
mod queue;
mod run;
mod scheduler;
mod spool_thread;
mod transport;

pub use policy::RetryClass;
pub use queue::{DeliveryCounts, DeliveryQueue};
pub use run::run;
pub use transport::{RejectedEvents, Reply, Transport};

#[cfg(test)]
mod tests;
