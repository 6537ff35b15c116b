//! Leader election: selects the agent that reports for the cluster.
//!
//! Existing Container Insights agents keep a record in an annotation of a ConfigMap, or in a Lease, and so does this one:
//! it can share a lock with them. The algorithm is that of client-go; the deviations are safer or cheaper, and compatible
//! (`docs/decisions/009-leader-election.md`).
//!
//! # Guarantee of `is_leader`
//!
//! [`Leadership::is_leader`] compares a clock with a deadline: it is true only until [`LeaderSettings::renew_deadline`] has
//! passed since the last successful renewal was *sent*. Others wait [`LeaderSettings::lease_duration`] since they saw that
//! renewal. The difference of the two, 45 s by default, is the time that may pass between a query and the action based on
//! it: query immediately before events of the cluster are delivered. Events are duplicated only if the process is stopped
//! for longer than that between query and delivery. A process that was stopped, or a machine that was suspended, is not the
//! leader when it wakes, because the clock (`CLOCK_BOOTTIME`) continued. Steps of the wall clock have no effect.
//!
//! The guarantee does not cover manipulation of the lock: if the ConfigMap or the record is deleted while a holder is
//! alive, candidates that had seen the record still wait for it to expire, but a candidate that starts at that moment does
//! not know of the holder.

mod clock;
mod elector;
mod record;
mod settings;
mod store;
mod task;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::clock::Moment;
pub use self::settings::{LeaderError, LeaderSettings, LockKind};
use self::task::Candidate;
use crate::events::Recorder;
use insightd_peer::Status;

#[derive(Debug, Default)]
struct Seen {
    holder: Option<String>,
    transitions: u64,
    uid: Option<String>,
}

#[derive(Debug)]
struct Shared {
    /// Nanoseconds of [`Moment`]; 0 while this agent does not lead.
    valid_until: AtomicU64,
    /// `true` once the election has ended; results that still arrive are ignored.
    ended: AtomicBool,
    seen: Mutex<Seen>,
    status: Arc<Status>,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the remaining time of leadership.
    fn left(&self) -> Duration {
        if self.ended.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        Moment::from_nanos(self.valid_until.load(Ordering::Acquire)).since(Moment::now())
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
    /// Returns a leadership that is held forever and without a lock, for a process that only reads and reports nothing.
    pub fn unopposed() -> Self {
        let shared = Shared {
            valid_until: AtomicU64::new(u64::MAX),
            ended: AtomicBool::new(false),
            seen: Mutex::default(),
            status: Arc::new(Status::new("leader")),
        };
        // The sender is dropped: there are no changes.
        let (_, changes) = watch::channel(());
        Self { shared: Arc::new(shared), changes, reported: false }
    }

    /// Returns true if this agent leads at this moment; see the [module](self) for how long that holds.
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

    async fn next(&mut self) -> Option<bool> {
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
        self.shared.seen().holder.clone()
    }

    /// Returns the number of times the lock changed hands, according to the record last seen.
    pub fn transitions(&self) -> u64 {
        self.shared.seen().transitions
    }
}

/// A candidacy that runs in its own task. Dropping it stops the renewals and leaves the lock to expire;
/// [`release`](Self::release) lets a successor start at once.
#[derive(Debug)]
pub struct Election {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    stop: Option<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Election {
    /// Starts a candidacy. Transitions are published through `recorder`, if given. Must be called within a runtime.
    pub fn start(
        client: Client,
        settings: LeaderSettings,
        recorder: Option<Recorder>,
    ) -> Result<Self, LeaderError> {
        settings.check()?;
        let shared = Arc::new(Shared {
            valid_until: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            seen: Mutex::default(),
            status: Arc::new(Status::new("leader")),
        });
        let (changed, changes) = watch::channel(());
        let (stop, stopped) = watch::channel(false);
        let leadership =
            Leadership { shared: Arc::clone(&shared), changes: changes.clone(), reported: false };
        let candidate = Candidate::new(client, settings, Arc::clone(&shared), changed, leadership, recorder);
        let task = tokio::spawn(candidate.run(stopped));
        Ok(Self { shared, changes, stop: Some(stop), task })
    }

    /// Returns a handle to query the leadership.
    pub fn leadership(&self) -> Leadership {
        Leadership { shared: Arc::clone(&self.shared), changes: self.changes.clone(), reported: false }
    }

    /// Returns the status of the requests to the API server.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.shared.status)
    }

    /// Ends the leadership immediately, and releases the lock if this agent holds it. Everything that the leadership
    /// permits must have ended before. Takes at most the renew deadline.
    pub async fn release(mut self) {
        self.shared.ended.store(true, Ordering::Release);
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(true);
            // A panic of the task has been reported by then, and leaves the lock to expire.
            let _ = (&mut self.task).await;
        }
    }
}

impl Drop for Election {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_only_looks_leads_from_the_start_and_hears_of_no_change() {
        let mut leadership = Leadership::unopposed();
        assert!(leadership.is_leader() && leadership.changed().await);
        assert!(tokio::time::timeout(Duration::from_millis(20), leadership.changed()).await.is_err());
        assert_eq!((leadership.holder(), leadership.transitions()), (None, 0));
    }
}
