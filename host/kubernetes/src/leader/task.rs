//! The task of a candidate: sends the elector's requests to the store on time, and publishes the results.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::clock::Moment;
use super::elector::{Answer, Elector, Next, Outcome, Request};
use super::store::{Object, Store, uid};
use super::{LeaderSettings, Leadership, Shared};
use crate::events::{About, Event, EventKind, Lock, Recorder};

/// Upper bound of a follower's random extra wait, as a multiple of the period, so that followers do not all send requests
/// at once.
pub(super) const JITTER: f64 = 1.2;

pub(super) struct Candidate {
    settings: LeaderSettings,
    store: Store,
    elector: Elector<Object>,
    shared: Arc<Shared>,
    changed: watch::Sender<()>,
    leadership: Leadership,
    recorder: Option<Recorder>,
    complaint: Option<String>,
    holder: Option<String>,
}

impl Candidate {
    pub(super) fn new(
        client: Client,
        settings: LeaderSettings,
        shared: Arc<Shared>,
        changed: watch::Sender<()>,
        leadership: Leadership,
        recorder: Option<Recorder>,
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
            complaint: None,
            holder: None,
        }
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let report = report(
            self.leadership.clone(),
            self.recorder.take(),
            Lock {
                kind: self.settings.kind,
                namespace: self.settings.namespace.clone(),
                name: self.settings.name.clone(),
                uid: None,
            },
            self.settings.identity.clone(),
        );
        let work = async move {
            tokio::select! {
                () = self.campaign() => {}
                _ = stop.wait_for(|stopped| *stopped) => {}
            }
            // A running request is abandoned; the elector knows that it may have succeeded.
            self.resign().await;
        };
        // The report comes last: it reports the end of the leadership.
        tokio::join!(work, report);
    }

    async fn campaign(&mut self) {
        // All nodes may have been started at this moment.
        sleep(self.settings.retry_period.mul_f64(fastrand::f64())).await;
        loop {
            let begun = Moment::now();
            let request = self.elector.begin(begun, Timestamp::now());
            // A hanging request must not delay the next attempt; it counts as unanswered.
            self.attempt(request, self.settings.retry_period).await;
            let wait = if self.elector.leads(Moment::now()) {
                self.settings.retry_period.saturating_sub(Moment::now().since(begun))
            } else {
                self.settings.retry_period.mul_f64(1.0 + JITTER * fastrand::f64())
            };
            sleep(wait).await;
        }
    }

    async fn resign(&mut self) {
        let limit = self.settings.renew_deadline;
        let next = self.elector.resign(Moment::now());
        self.publish();
        if let Next::Send(request) = next {
            match timeout(limit, self.attempt(request, self.settings.retry_period)).await {
                Ok(Outcome::Resigned) => info!(lock = %self.store, "released the lock"),
                Ok(Outcome::Follows | Outcome::Leads) => {}
                Ok(Outcome::Failed) | Err(_) => {
                    warn!(lock = %self.store, "cannot release the lock; it will expire");
                }
            }
        }
    }

    async fn attempt(&mut self, mut request: Request<Object>, limit: Duration) -> Outcome {
        loop {
            self.shared.status.requested();
            let (answer, error) = match timeout(limit, self.store.ask(request)).await {
                Ok(answer) => answer,
                Err(_) => (Answer::Failed, Some(format!("{}: no response within {limit:?}", self.store))),
            };
            let told = match (&answer, error) {
                (Answer::Conflict, _) => Told::Conflict,
                (Answer::Failed | Answer::Missing, Some(error)) => Told::Error(error),
                (Answer::Found(_), Some(why)) => Told::Unreadable(why),
                _ => Told::Answer,
            };
            let next = self.elector.answered(answer, Moment::now(), Timestamp::now());
            self.publish();
            match next {
                Next::Send(next) => request = next,
                Next::Done(outcome) => {
                    self.log(outcome, &told);
                    return outcome;
                }
            }
        }
    }

    fn publish(&self) {
        {
            let record = self.elector.record();
            let mut seen = self.shared.seen();
            seen.holder = record.map(|record| record.holder.clone()).filter(|holder| !holder.is_empty());
            seen.transitions = record.and_then(|record| u64::try_from(record.transitions).ok()).unwrap_or(0);
            if seen.uid.is_none() {
                seen.uid = self.elector.object().and_then(uid).map(str::to_owned);
            }
        }
        let until = self.elector.valid_until().map_or(0, Moment::as_nanos);
        let before = self.shared.valid_until.swap(until, Ordering::AcqRel);
        if before != until {
            self.changed.send_replace(());
        }
    }

    fn log(&mut self, outcome: Outcome, answer: &Told) {
        match (outcome, answer) {
            // Two candidates wrote at the same time, and the other one won.
            (Outcome::Failed, Told::Conflict) => {
                debug!(lock = %self.store, "another candidate took the lock")
            }
            (Outcome::Failed, told) => {
                let error = match told {
                    Told::Error(error) => error.clone(),
                    _ => format!("{}: the stored record differs from the one that was sent", self.store),
                };
                self.shared.status.failed(error.as_str());
                self.complain(Some(error));
            }
            _ => {
                self.shared.status.succeeded();
                let namesake = self.elector.has_namesake().then(|| {
                    format!(
                        "{}: another process holds the lock with this agent's identity {:?}; give every \
                         process its own identity",
                        self.store, self.settings.identity
                    )
                });
                let unreadable = match answer {
                    Told::Unreadable(why) => Some(why.clone()),
                    _ => None,
                };
                self.complain(namesake.or(unreadable));
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
    fn complain(&mut self, error: Option<String>) {
        match &error {
            Some(error) if self.complaint.as_ref() == Some(error) => debug!(error, "leader election problem"),
            Some(error) => warn!(error, "leader election problem"),
            None => {}
        }
        self.complaint = error;
    }
}

/// The kind of the last response of an attempt.
enum Told {
    Answer,
    Conflict,
    Error(String),
    /// The lock, with an unreadable record.
    Unreadable(String),
}

/// Logs and publishes the beginning and the end of each term of this candidate.
async fn report(mut leadership: Leadership, recorder: Option<Recorder>, lock: Lock, identity: String) {
    let shown = format!("{} {}/{}", lock.kind.name(), lock.namespace, lock.name);
    while let Some(leads) = leadership.next().await {
        let what = if leads { "became leader" } else { "stopped leading" };
        info!(lock = shown, identity, "{what}");
        if let Some(recorder) = &recorder {
            let uid = leadership.shared.seen().uid.clone();
            recorder.publish(Event {
                kind: EventKind::Normal,
                reason: "LeaderElection".to_owned(),
                message: format!("{identity} {what}"),
                about: About::Lock(Lock { uid, ..lock.clone() }),
            });
        }
    }
}
