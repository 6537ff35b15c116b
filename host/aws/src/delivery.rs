//! Delivery that survives the service, the process and the node: what is to be sent lies in a spool until the service has it.
//!
//! A thread of its own owns the spool: an [`Outbox`] hands it orders, and nobody else waits for the disk.
//! `policy` says how long to wait, [`Courier`] what may be sent when; [`run`] does it. What goes over the wire and what
//! answers mean is the [`Post`]'s.

mod courier;
mod keeper;
mod outbox;
mod policy;
mod queue;
mod run;
#[cfg(test)]
mod tests;

use std::future::Future;

pub use courier::{Began, Courier, Ended};
pub use outbox::{Counts, Outbox, TICK_WAIT};
pub use policy::{Trouble, Waits, wait, waits};
pub use run::run;

/// What the service said about a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It has the block. Of its events it threw some away, by cause.
    Accepted(Rejected),
    /// What was missing for it is there now: worth another try at once.
    Created,
    /// It will never take the block; why.
    Impossible(String),
    /// Not now: the trouble is about this block's destination alone, or about all.
    NotNow {
        /// What kind it is.
        trouble: Trouble,
        /// Whether other destinations are worth a try.
        only_destination: bool,
        /// Why, and what to do.
        error: String,
    },
}

/// Events that the service threw away out of a request that it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// Older than the service takes.
    pub too_old: u32,
    /// Further ahead of its clock than it takes.
    pub too_new: u32,
    /// Older than the group keeps events.
    pub expired: u32,
}

impl Rejected {
    /// All together.
    pub fn total(&self) -> u32 {
        self.too_old + self.too_new + self.expired
    }
}

/// Who sends a block.
pub trait Post: Send + Sync + 'static {
    /// Sends it once. `key` says where to, as whoever filled the spool wrote it.
    fn send(&self, key: &[u8], events: u32, body: Vec<u8>) -> impl Future<Output = Reply> + Send;
}
