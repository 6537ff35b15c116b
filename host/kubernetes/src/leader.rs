//! Leader election: which agent speaks for the cluster.
//!
//! Agents that existed before this one keep a record in an annotation of a ConfigMap, or in a Lease, and so does this one:
//! one lock can be shared with them. What is done when is client-go's algorithm; what differs from it is safer or cheaper,
//! never incompatible (`docs/decisions/009-leader-election.md`).
//!
//! # What `is_leader` promises
//!
//! [`Leadership::is_leader`] answers from a clock, not from memory: true only until [`LeaderSettings::renew_deadline`] has
//! passed since the last successful renewal was *sent*. Others wait [`LeaderSettings::lease_duration`] since they saw that
//! renewal. The difference of the two, 45 s by default, is what an answer may be old when it is acted upon: ask immediately
//! before events of the cluster are handed on, and for a doubled event the process would have to stop between question and
//! deed for longer than that. A process that was stopped, or a machine that slept, finds itself no leader on waking, because
//! the clock (`CLOCK_BOOTTIME`) went on. Steps of the wall clock do not matter.
//!
//! The promise ends where the lock itself is tampered with: if somebody removes the ConfigMap or the record while a holder
//! is alive, candidates that had seen the record wait for it to expire, as they would otherwise; one that starts just then
//! knows of no holder.

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
    /// Nanoseconds of [`Moment`]; 0 when we do not lead.
    valid_until: AtomicU64,
    /// Nothing is valid any more, whatever still comes in.
    ended: AtomicBool,
    seen: Mutex<Seen>,
    status: Arc<Status>,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much longer we lead.
    fn left(&self) -> Duration {
        if self.ended.load(Ordering::Acquire) {
            return Duration::ZERO;
        }
        Moment::from_nanos(self.valid_until.load(Ordering::Acquire)).since(Moment::now())
    }
}

/// Whether this agent leads. Clones watch the same election; each remembers for itself what it has reported.
#[derive(Clone, Debug)]
pub struct Leadership {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    reported: bool,
}

impl Leadership {
    /// The lead of one who only looks and speaks for nobody: it is held for ever, and no lock knows of it.
    pub fn unopposed() -> Self {
        let shared = Shared {
            valid_until: AtomicU64::new(u64::MAX),
            ended: AtomicBool::new(false),
            seen: Mutex::default(),
            status: Arc::new(Status::new("leader")),
        };
        // Its sender is gone: nothing will change.
        let (_, changes) = watch::channel(());
        Self { shared: Arc::new(shared), changes, reported: false }
    }

    /// Whether we lead at this very moment; see the [module](self) for how long that holds.
    pub fn is_leader(&self) -> bool {
        !self.shared.left().is_zero()
    }

    /// Waits until [`is_leader`](Self::is_leader) is not what this handle reported last (at first: false), and gives what it
    /// is now. Waits for ever once the election has ended and its end was reported.
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
                // A renewal may make it more.
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

    /// Who holds the lock as far as we have seen; none before the first look and while nobody does.
    pub fn holder(&self) -> Option<String> {
        self.shared.seen().holder.clone()
    }

    /// How often the lock changed hands, by the record that was last seen.
    pub fn transitions(&self) -> u64 {
        self.shared.seen().transitions
    }
}

/// A candidacy, in a task of its own. Dropped, it renews no more but leaves the lock to expire; [`release`](Self::release)
/// lets a successor start at once.
#[derive(Debug)]
pub struct Election {
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    stop: Option<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Election {
    /// Stands for election. Transitions are published through `recorder`, if there is one. Must be called within a runtime.
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

    /// A handle to ask.
    pub fn leadership(&self) -> Leadership {
        Leadership { shared: Arc::clone(&self.shared), changes: self.changes.clone(), reported: false }
    }

    /// How asking the API server goes.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.shared.status)
    }

    /// Leads no more from now on, and gives the lock back if we hold it. Whatever the lead permits must have ended before.
    /// Takes at most the renew deadline.
    pub async fn release(mut self) {
        self.shared.ended.store(true, Ordering::Release);
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(true);
            // A panic of the task was reported by then, and leaves the lock to expire.
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
