//! The interface between delivery and the wire format of a service.

use std::future::Future;

use crate::policy::RetryClass;

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

/// The part of an accepted request that the service rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectedEvents {
    /// Events that are too old for the service.
    pub too_old: u32,
    /// Events that are too far ahead of the service's clock.
    pub too_new: u32,
    /// Events that are older than the retention of the log group.
    pub expired: u32,
    /// Parts of accepted events that the service rejected: data points of OTLP, samples of remote write.
    pub points: u64,
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

    /// Returns true if blocks are sent oldest first, because the service rejects what is older than what it has. By default those of
    /// the current tick are sent before those that wait.
    fn in_order(&self) -> bool {
        false
    }
}
