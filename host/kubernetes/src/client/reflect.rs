//! A kind of object, listed once and watched from then on.
//!
//! ```text
//! reflect: wait up to the jitter
//!   list:   resourceVersion=0, out of the API server's memory; or in pages of `limit`
//!   watch:  from the list's version, with bookmarks; a watch that ends, or says nothing for long, is followed by another from
//!           the last version seen
//!   410:    wait up to the jitter, list again
//! ```
//!
//! What a handler knows stays while a peer is away. Objects are read one by one out of the bytes as they come, into what the
//! handler asks for; neither a list nor a page of it is ever held.

mod answer;
mod run;
#[cfg(test)]
mod tests;
mod wire;

use std::convert::Infallible;
use std::time::Duration;

use serde::Deserialize;

use insightd_peer::Status;

use run::Reflector;
pub(crate) use wire::{escaped, status_of};

/// Between two pieces of a list.
const LIST_IDLE: Duration = Duration::from_secs(30);

/// Between two lines of a watch. Three bookmarks are missing by then, or the server sends none: the watch is opened anew.
pub(crate) const WATCH_IDLE: Duration = Duration::from_secs(190);

/// How a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// All at once from the server's watch cache, which costs etcd nothing.
    FromCache,
    /// The same, and after a list that broke off in pages of so many objects: the server gives an answer one minute, which a
    /// long list outlasts where one of the two is slow.
    FromCacheElsePages(u32),
    /// In pages of so many objects.
    Pages(u32),
}

/// What to list and watch.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Path, such as `/api/v1/services`.
    pub path: String,
    /// Its name in a role, for messages: `services`, `deployments.apps`.
    pub resource: &'static str,
    /// Field selector.
    pub field_selector: Option<String>,
    /// Label selector.
    pub label_selector: Option<String>,
    /// How to list.
    pub paging: Paging,
    /// Only `metadata` of each object is sent.
    pub metadata_only: bool,
    /// The longest wait before the first list, and before one after the server has forgotten the version.
    pub start_jitter: Duration,
}

/// What becomes of the objects. Called on the task that runs [`reflect`]; nothing of it may wait.
pub trait Handler: Send {
    /// What is read of an object. It may borrow from the answer.
    type Item<'a>: Deserialize<'a>;

    /// A list begins. What is known stays valid until the list has ended: it may fail in its middle, and begin again.
    fn on_restart(&mut self);
    /// An object of the list.
    fn on_listed(&mut self, item: Self::Item<'_>);
    /// The list is complete: what it did not name is gone.
    fn on_list_end(&mut self);
    /// Added or changed.
    fn on_applied(&mut self, item: Self::Item<'_>);
    /// Gone; the object as it was last.
    fn on_deleted(&mut self, item: Self::Item<'_>);

    /// Objects that there was no room for since this was last asked.
    fn left_out(&mut self) -> u64 {
        0
    }
}

/// Lists and watches until it is dropped.
pub async fn reflect<H: Handler>(
    client: &kube::Client,
    watched: &Watched,
    handler: &mut H,
    status: &Status,
) -> Infallible {
    let reflector = Reflector { client, watched, status, timing: Timing::default() };
    reflector.run(&mut Reading(handler), fastrand::Rng::new()).await
}

/// [`Handler`] without its type: the loop is compiled once, whatever is watched.
pub(crate) trait Sink: Send {
    fn restart(&mut self);
    fn listed(&mut self, object: &[u8]) -> Result<(), serde_json::Error>;
    fn list_end(&mut self);
    fn applied(&mut self, object: &[u8]) -> Result<(), serde_json::Error>;
    fn deleted(&mut self, object: &[u8]) -> Result<(), serde_json::Error>;
    fn left_out(&mut self) -> u64;
}

pub(crate) struct Reading<'h, H>(pub(crate) &'h mut H);

impl<H: Handler> Sink for Reading<'_, H> {
    fn restart(&mut self) {
        self.0.on_restart();
    }

    fn listed(&mut self, object: &[u8]) -> Result<(), serde_json::Error> {
        serde_json::from_slice(object).map(|item| self.0.on_listed(item))
    }

    fn list_end(&mut self) {
        self.0.on_list_end();
    }

    fn applied(&mut self, object: &[u8]) -> Result<(), serde_json::Error> {
        serde_json::from_slice(object).map(|item| self.0.on_applied(item))
    }

    fn deleted(&mut self, object: &[u8]) -> Result<(), serde_json::Error> {
        serde_json::from_slice(object).map(|item| self.0.on_deleted(item))
    }

    fn left_out(&mut self) -> u64 {
        self.0.left_out()
    }
}

/// Waits that tests make shorter.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) first_wait: Duration,
    pub(crate) most_wait: Duration,
    pub(crate) list_idle: Duration,
    pub(crate) list_total: Duration,
    pub(crate) watch_idle: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_secs(1),
            most_wait: Duration::from_secs(30),
            list_idle: LIST_IDLE,
            list_total: answer::LIST_TOTAL,
            watch_idle: WATCH_IDLE,
        }
    }
}
