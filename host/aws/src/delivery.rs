//! Delivery that survives failures of the service, the process and the node: blocks stay in a spool until the service accepts
//! them.
//!
//! A thread of its own owns the spool: a [`DeliveryQueue`] passes orders to it, so that no other thread waits for the disk without a
//! bound. `policy` defines the waits, `scheduler` decides when a request may be sent, and [`run`] sends it. A [`Transport`] implements
//! the wire format and interprets responses.

mod orders;
mod policy;
mod queue;
mod run;
mod scheduler;
mod spool_thread;
#[cfg(test)]
mod tests;

use std::future::Future;

pub use policy::RetryClass;
pub use queue::{DeliveryCounts, DeliveryQueue};
pub use run::run;

/// Response of the service to a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The service has accepted the block, except for the events that it rejected, by cause.
    Accepted(RejectedEvents),
    /// A missing resource was created: send the block again at once.
    Created,
    /// The service will never accept the block; holds the error text.
    Undeliverable(String),
    /// The block cannot be accepted now, because of its destination or of the service as a whole.
    Retry {
        /// Retry class of the failure.
        retry_class: RetryClass,
        /// `true` if requests to other destinations may still succeed.
        only_destination: bool,
        /// Error text with the cause and the remedy.
        error: String,
    },
}

/// Events that the service rejected out of an accepted request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectedEvents {
    /// Events that are too old for the service.
    pub too_old: u32,
    /// Events that are too far ahead of the service's clock.
    pub too_new: u32,
    /// Events that are older than the retention of the log group.
    pub expired: u32,
}

impl RejectedEvents {
    /// Returns the total number of rejected events.
    pub fn total(&self) -> u32 {
        self.too_old + self.too_new + self.expired
    }
}

/// A transport that sends blocks to a service.
pub trait Transport: Send + Sync + 'static {
    /// Sends a block once. `key` is the destination, as written by the caller that filled the spool.
    fn send(&self, key: &[u8], events: u32, body: Vec<u8>) -> impl Future<Output = Reply> + Send;
}
