//! The task of a candidate: sends the elector's requests to the store on time, and publishes the results.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use insightd_upstream::lock;
use jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::LeaderSettings;
use super::boot_time::BootTime;
use super::elector::Elector;
use super::leadership::{Leadership, Shared};
use super::protocol::{AttemptOutcome, NextStep, StoreRequest, StoreResponse};
use super::store::{LockObject, Store, uid};
use crate::events::{Event, EventKind, EventRecorder, InvolvedObject, LockRef};

/// Upper bound of a follower's random extra wait, as a multiple of the period, so that followers do not all send requests
/// at once.
pub(super) const JITTER: f64 = 1.2;

pub(super) struct Candidate {
    settings: LeaderSettings,
    store: Store,
    elector: Elector<LockObject>,
    shared: Arc<Shared>,
    changed: watch::Sender<()>,
    leadership: Leadership,
    recorder: Option<EventRecorder>,
    last_problem: Option<String>,
    holder: Option<String>,
}

impl Candidate {
    pub(super) fn new(
        client: Client,
        settings: LeaderSettings,
        shared: Arc<Shared>,
        changed: watch::Sender<()>,
        leadership: Leadership,
        recorder: Option<EventRecorder>,
    ) -> Self {
        let store = Store::new(client, &settings);
        let seconds = i64::try_from(settings.lease_duration.as_secs()).unwrap_or(i64::MAX);
        let elector = Elector::new(&settings.identity, seconds, settings.renew_deadline);
        Self {
            settings,
            store,
            elector,
            shared,
            changed,
            leadership,
            recorder,
            last_problem: None,
            holder: None,
        }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let reports = report_transitions(
            self.leadership.clone(),
            self.recorder.take(),
            LockRef {
                kind: self.settings.kind,
                namespace: self.settings.namespace.clone(),
                name: self.settings.name.clone(),
                uid: None,
            },
            self.settings.identity.clone(),
        );
        let work = async move {
            tokio::select! {
                () = self.run_attempts() => {}
                _ = stop.wait_for(|stopped| *stopped) => {}
            }
            // A running request is abandoned; the elector knows that it may have succeeded.
            self.release().await;
        };
        // The report comes last: it reports the end of the leadership.
        tokio::join!(work, reports);
    }

    async fn run_attempts(&mut self) {
        // All nodes may have been started at this moment.
        sleep(self.settings.retry_period.mul_f64(fastrand::f64())).await;
        loop {
            let begun = BootTime::now();
            let request = self.elector.begin(begun, Timestamp::now());
            // A hanging request must not delay the next attempt; it counts as unanswered.
            self.attempt(request, self.settings.retry_period).await;
            let wait = if self.elector.is_leading(BootTime::now()) {
                self.settings.retry_period.saturating_sub(BootTime::now().since(begun))
            } else {
                self.settings.retry_period.mul_f64(1.0 + JITTER * fastrand::f64())
            };
            sleep(wait).await;
        }
    }

    async fn release(&mut self) {
        let limit = self.settings.renew_deadline;
        let next = self.elector.release(BootTime::now());
        self.publish();
        if let NextStep::Send(request) = next {
            match timeout(limit, self.attempt(request, self.settings.retry_period)).await {
                Ok(AttemptOutcome::Released) => info!(lock = %self.store, "released the lock"),
                Ok(AttemptOutcome::Following | AttemptOutcome::Leading) => {}
                Ok(AttemptOutcome::Failed) | Err(_) => {
                    warn!(lock = %self.store, "cannot release the lock; it will expire");
                }
            }
        }
    }

    async fn attempt(&mut self, mut request: StoreRequest<LockObject>, limit: Duration) -> AttemptOutcome {
        loop {
            self.shared.status.requested();
            let (response, error) = match timeout(limit, self.store.send(request)).await {
                Ok(response) => response,
                Err(_) => {
                    (StoreResponse::Failed, Some(format!("{}: no response within {limit:?}", self.store)))
                }
            };
            let last_response = match (&response, error) {
                (StoreResponse::Conflict, _) => LastResponse::Conflict,
                (StoreResponse::Failed | StoreResponse::Missing, Some(error)) => LastResponse::Error(error),
                (StoreResponse::Found(_), Some(problem)) => LastResponse::Unreadable(problem),
                _ => LastResponse::Expected,
            };
            let next = self.elector.on_response(response, BootTime::now(), Timestamp::now());
            self.publish();
            match next {
                NextStep::Send(next) => request = next,
                NextStep::Done(outcome) => {
                    self.log(outcome, &last_response);
                    return outcome;
                }
            }
        }
    }

    fn publish(&self) {
        {
            let record = self.elector.record();
            let mut seen = lock(&self.shared.last_seen);
            seen.holder = record.map(|record| record.holder.clone()).filter(|holder| !holder.is_empty());
            seen.transitions = record.and_then(|record| u64::try_from(record.transitions).ok()).unwrap_or(0);
            if seen.uid.is_none() {
                seen.uid = self.elector.object().and_then(uid).map(str::to_owned);
            }
        }
        let until = self.elector.valid_until().map_or(0, BootTime::as_nanos);
        let before = self.shared.valid_until.swap(until, Ordering::AcqRel);
        if before != until {
            self.changed.send_replace(());
        }
    }

    fn log(&mut self, outcome: AttemptOutcome, response: &LastResponse) {
        match (outcome, response) {
            // Two candidates wrote at the same time, and the other one won.
            (AttemptOutcome::Failed, LastResponse::Conflict) => {
                debug!(lock = %self.store, "another candidate took the lock")
            }
            (AttemptOutcome::Failed, last_response) => {
                let error = match last_response {
                    LastResponse::Error(error) => error.clone(),
                    _ => format!("{}: the stored record differs from the one that was sent", self.store),
                };
                self.shared.status.failed(error.as_str());
                self.log_problem(Some(error));
            }
            _ => {
                self.shared.status.succeeded();
                let duplicate_identity = self.elector.has_duplicate_identity().then(|| {
                    format!(
                        "{}: another process holds the lock with this agent's identity {:?}; give every \
                         process its own identity",
                        self.store, self.settings.identity
                    )
                });
                let unreadable = match response {
                    LastResponse::Unreadable(problem) => Some(problem.clone()),
                    _ => None,
                };
                self.log_problem(duplicate_identity.or(unreadable));
            }
        }
        let holder = self.elector.record().map(|record| record.holder.clone());
        if holder != self.holder {
            match holder.as_deref() {
                None | Some("") => info!(lock = %self.store, "the lock is free"),
                Some(holder) => info!(lock = %self.store, holder, "the lock has a new holder"),
            }
            self.holder = holder;
        }
    }

    /// Logs an error, at debug level if it equals the previous one.
    fn log_problem(&mut self, error: Option<String>) {
        match &error {
            Some(error) if self.last_problem.as_ref() == Some(error) => {
                debug!(error, "leader election problem")
            }
            Some(error) => warn!(error, "leader election problem"),
            None => {}
        }
        self.last_problem = error;
    }
}

/// The kind of the last response of an attempt.
enum LastResponse {
    Expected,
    Conflict,
    Error(String),
    /// The lock, with an unreadable record.
    Unreadable(String),
}

/// Logs and publishes the beginning and the end of each term of this candidate.
async fn report_transitions(
    mut leadership: Leadership,
    recorder: Option<EventRecorder>,
    lock: LockRef,
    identity: String,
) {
    let shown = format!("{} {}/{}", lock.kind.name(), lock.namespace, lock.name);
    while let Some(is_leading) = leadership.next().await {
        let what = if is_leading { "became leader" } else { "stopped leading" };
        info!(lock = shown, identity, "{what}");
        if let Some(recorder) = &recorder {
            let uid = leadership.lock_uid();
            recorder.publish(Event {
                kind: EventKind::Normal,
                reason: "LeaderElection".to_owned(),
                message: format!("{identity} {what}"),
                involved_object: InvolvedObject::Lock(LockRef { uid, ..lock.clone() }),
            });
        }
    }
}
