//! Leadership status of this agent, for any number of readers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use insightd_upstream::{UpstreamStatus, lock};
use tokio::sync::watch;

use super::boot_time::BootTime;

/// The lock as last seen by this agent.
#[derive(Debug, Default)]
pub(super) struct LastSeen {
    pub(super) holder: Option<String>,
    pub(super) transitions: u64,
    pub(super) uid: Option<String>,
}

/// State shared by the candidate, which writes it, and the handles, which read it.
#[derive(Debug)]
pub(super) struct Shared {
    /// Nanoseconds of [`BootTime`]; 0 while this agent does not lead.
    pub(super) valid_until: AtomicU64,
    /// `true` once the election has ended; results that still arrive are ignored.
    ended: AtomicBool,
    pub(super) last_seen: Mutex<LastSeen>,
    pub(super) status: Arc<UpstreamStatus>,
}

impl Shared {
    /// Creates the state of a leadership that is valid until `valid_until`, in nanoseconds of [`BootTime`].
    pub(super) fn new(valid_until: u64) -> Self {
        Self {
            valid_until: AtomicU64::new(valid_until),
            ended: AtomicBool::new(false),
            last_seen: Mutex::default(),
            status: Arc::new(UpstreamStatus::new("leader")),
        }
    }

    /// Ends the leadership, whatever results still arrive.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Returns the remaining time of leadership.
    fn left(&self) -> Duration {
        if self.ended.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        BootTime::from_nanos(self.valid_until.load(Ordering::Acquire)).since(BootTime::now())
    }
}

/// A handle to query the leadership of this agent. Clones share the election; each remembers separately what it has
/// reported.
#[derive(Clone, Debug)]
pub struct Leadership {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    reported: bool,
}

impl Leadership {
    pub(super) fn new(shared: Arc<Shared>, changes: watch::Receiver<()>) -> Self {
        Self { shared, changes, reported: false }
    }

    /// Returns a leadership that is held forever and without a lock, for a process that only reads and reports nothing.
    pub fn unopposed() -> Self {
        // The sender is dropped: there are no changes.
        let (_, changes) = watch::channel(());
        Self::new(Arc::new(Shared::new(u64::MAX)), changes)
    }

    /// Returns true if this agent leads at this moment; see the [module](super) for how long that holds.
    pub fn is_leader(&self) -> bool {
        !self.shared.left().is_zero()
    }

    /// Waits until [`is_leader`](Self::is_leader) differs from the value last returned by this handle (initially false),
    /// and returns the new value. Never returns again after the election has ended and its end was reported.
    pub async fn changed(&mut self) -> bool {
        match self.next().await {
            Some(leads) => leads,
            None => std::future::pending().await,
        }
    }

    /// Waits for the next transition; returns `None` once the election has ended and its end was reported.
    pub(super) async fn next(&mut self) -> Option<bool> {
        let mut alive = true;
        loop {
            let left = self.shared.left();
            if self.reported == left.is_zero() {
                self.reported = !self.reported;
                return Some(self.reported);
            }
            match (alive, left.is_zero()) {
                (true, true) => alive = self.changes.changed().await.is_ok(),
                // A renewal may extend it.
                (true, false) => {
                    if let Ok(renewal) = tokio::time::timeout(left, self.changes.changed()).await {
                        alive = renewal.is_ok();
                    }
                }
                (false, false) => tokio::time::sleep(left).await,
                (false, true) => return None,
            }
        }
    }

    /// Returns the holder of the lock as last seen; `None` before the first read, and if nobody holds it.
    pub fn holder(&self) -> Option<String> {
        lock(&self.shared.last_seen).holder.clone()
    }

    /// Returns the uid of the lock object, once it has been read.
    pub(super) fn lock_uid(&self) -> Option<String> {
        lock(&self.shared.last_seen).uid.clone()
    }

    /// Returns the number of times the lock changed hands, according to the record last seen.
    pub fn transitions(&self) -> u64 {
        lock(&self.shared.last_seen).transitions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unopposed_leadership_never_changes() {
        let mut leadership = Leadership::unopposed();
        assert!(leadership.is_leader() && leadership.changed().await);
        assert!(tokio::time::timeout(Duration::from_millis(20), leadership.changed()).await.is_err());
        assert_eq!((leadership.holder(), leadership.transitions()), (None, 0));
    }
}
