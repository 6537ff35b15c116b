//! Lists one kind of object once, then watches it.
//!
//! ```text
//! reflect: wait up to the jitter
//!   list:   resourceVersion=0, out of the API server's memory; or in pages of `limit`
//!   watch:  from the list's version, with bookmarks; a watch that ends, or is silent for too long, is followed by another
//!           from the last version seen
//!   410:    wait up to the jitter, list again
//! ```
//!
//! The handler keeps its objects while the server is unreachable. Objects are deserialized one by one from the incoming
//! bytes into the handler's type; neither a list nor a page of it is held in memory.

mod end;
mod response;
mod run;
#[cfg(test)]
mod tests;
mod wire;

use std::convert::Infallible;
use std::time::Duration;

use serde::Deserialize;

use insightd_upstream::UpstreamStatus;

use run::Reflector;
pub(crate) use wire::{percent_encoded, read_status};

/// Longest time between two pieces of a list.
const LIST_IDLE: Duration = Duration::from_secs(30);

/// Longest time between two lines of a watch. After it, three bookmarks are missing or the server sends none: the watch is
/// reopened.
pub(crate) const WATCH_IDLE: Duration = Duration::from_secs(190);

/// The way a list is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paging {
    /// All objects at once from the server's watch cache, which puts no load on etcd.
    FromCache,
    /// All at once from the watch cache; after a list that broke off, in pages of this many objects. The server ends a
    /// response after one minute, which is too short for a long list if the server or the agent is slow.
    FromCacheElsePages(u32),
    /// In pages of this many objects.
    Pages(u32),
}

/// Objects to list and watch.
#[derive(Clone, Debug)]
pub(crate) struct WatchSpec {
    /// Path, such as `/api/v1/services`.
    pub(crate) path: String,
    /// Name of the resource in a role, for error texts: `services`, `deployments.apps`.
    pub(crate) resource: &'static str,
    /// Field selector.
    pub(crate) field_selector: Option<String>,
    /// Label selector.
    pub(crate) label_selector: Option<String>,
    /// The way to list.
    pub(crate) paging: Paging,
    /// Requests only the `metadata` of each object.
    pub(crate) metadata_only: bool,
    /// Longest wait before the first list, and before a list after the server no longer has the version (410).
    pub(crate) start_jitter: Duration,
}

/// A receiver of the objects. Called on the task that runs [`reflect`]; an implementation must not block.
pub(crate) trait Handler: Send {
    /// The type that an object is deserialized into. It may borrow from the response.
    type Item<'a>: Deserialize<'a>;

    /// A list begins. Known objects stay valid until the list has ended: it may fail before its end, and begin again.
    fn on_restart(&mut self);
    /// An object of the list was received.
    fn on_listed(&mut self, item: Self::Item<'_>);
    /// The list is complete: objects that it does not contain no longer exist.
    fn on_list_end(&mut self);
    /// An object was added or changed.
    fn on_applied(&mut self, item: Self::Item<'_>);
    /// An object was deleted; `item` is its last state.
    fn on_deleted(&mut self, item: Self::Item<'_>);

    /// Returns the number of objects dropped for lack of memory since the last call.
    fn left_out(&mut self) -> u64 {
        0
    }
}

/// Lists and watches until the future is dropped.
pub(crate) async fn reflect<H: Handler>(
    client: &kube::Client,
    spec: &WatchSpec,
    handler: &mut H,
    status: &UpstreamStatus,
) -> Infallible {
    let reflector = Reflector { client, spec, status, timing: Timing::default() };
    reflector.run(&mut TypedSink(handler), fastrand::Rng::new()).await
}

/// A [`Handler`] without its type parameter, so that the loop is compiled only once.
pub(crate) trait ObjectSink: Send {
    fn restart(&mut self);
    fn listed(&mut self, object: &[u8]) -> Result<(), serde_json::Error>;
    fn list_end(&mut self);
    fn applied(&mut self, object: &[u8]) -> Result<(), serde_json::Error>;
    fn deleted(&mut self, object: &[u8]) -> Result<(), serde_json::Error>;
    fn left_out(&mut self) -> u64;
}

pub(crate) struct TypedSink<'h, H>(pub(crate) &'h mut H);

impl<H: Handler> ObjectSink for TypedSink<'_, H> {
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

/// Waits, shortened by tests.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) first_wait: Duration,
    pub(crate) max_wait: Duration,
    pub(crate) list_idle: Duration,
    pub(crate) list_total: Duration,
    pub(crate) watch_idle: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_secs(1),
            max_wait: Duration::from_secs(30),
            list_idle: LIST_IDLE,
            list_total: response::MAX_LIST_TIME,
            watch_idle: WATCH_IDLE,
        }
    }
}
