//! Looks up the owners of the Jobs of local pods, with one metadata request per Job.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Request;
use http::header::ACCEPT;
use http_body_util::{BodyExt, Limited};
use kube::client::Body;
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::{Known, job_key};
use crate::client::reflect::{escaped, status_of};
use crate::client::{Backoff, explain, up_to};
use crate::pods::{Owner, PodList};
use crate::text::{List, Object, Text, each, filled};
use insightd_peer::Status;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Largest response in bytes; the metadata may contain 256 KiB of annotations.
const ANSWER_BYTES: usize = 2 << 20;

/// Pause between two look-ups: a node full of new Jobs sends ten requests per second.
const BETWEEN: Duration = Duration::from_millis(100);

/// The Jobs of local pods, by key; `None` for a Job that has not been looked up yet.
#[derive(Default)]
pub(super) struct Jobs {
    wanted: Mutex<BTreeMap<Box<str>, Option<Answer>>>,
    more: Notify,
}

/// The owner of a Job, if it has one.
type Answer = Option<Owner>;

impl Jobs {
    pub(super) fn pods_seen(&self, pods: &PodList, known: &Known) {
        let mut before = self.wanted();
        let mut now = BTreeMap::new();
        for pod in &pods.pods {
            for owner in pod.owners.iter().filter(|owner| &*owner.kind == "Job") {
                let key = job_key(&pod.namespace, &owner.name).into_boxed_str();
                let answer = before.remove(&key);
                if let Some(answer) = answer {
                    now.insert(key, answer);
                } else {
                    now.entry(key).or_insert(None);
                }
            }
        }
        let dropped = before.values().any(|answer| matches!(answer, Some(Some(_))));
        let missing = now.values().any(Option::is_none);
        *before = now;
        if dropped {
            self.publish(&before, known);
        }
        if missing {
            self.more.notify_one();
        }
    }

    fn wanted(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Option<Answer>>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a Job that has not been looked up: the first one after `last`, which failed, so that a single Job cannot
    /// block the others.
    fn next(&self, last: &str) -> Option<Box<str>> {
        let wanted = self.wanted();
        let mut open = wanted.iter().filter(|(_, answer)| answer.is_none()).map(|(key, _)| key);
        let first = open.next()?;
        if **first > *last {
            return Some(first.clone());
        }
        Some(open.find(|key| ***key > *last).unwrap_or(first).clone())
    }

    fn answer(&self, key: &str, answer: Answer, known: &Known) {
        let mut wanted = self.wanted();
        // The last pod of the Job may have ended meanwhile.
        if let Some(place) = wanted.get_mut(key) {
            let owned = answer.is_some();
            *place = Some(answer);
            if owned {
                self.publish(&wanted, known);
            }
        }
    }

    fn publish(&self, wanted: &BTreeMap<Box<str>, Option<Answer>>, known: &Known) {
        let owned = wanted.iter().filter_map(|(key, answer)| Some((key.clone(), answer.clone()??))).collect();
        known.state().jobs = Arc::new(owned);
    }
}

/// Looks up Jobs until the future is dropped.
pub(super) async fn look_up(
    client: &kube::Client,
    known: &Known,
    status: &Status,
    start_jitter: Duration,
) -> Infallible {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    sleep(up_to(start_jitter, &mut fastrand::Rng::new())).await;
    let mut failed = Box::<str>::default();
    loop {
        let Some(key) = known.jobs.next(&failed) else {
            known.jobs.more.notified().await;
            continue;
        };
        status.requested();
        match timeout(TIMEOUT, owner(client, &key, status)).await {
            Ok(Ok(answer)) => {
                status.succeeded();
                backoff.reset();
                known.jobs.answer(&key, answer, known);
                sleep(BETWEEN).await;
            }
            other => {
                let silent = || format!("cannot get jobs.batch: no response within {} s", TIMEOUT.as_secs());
                status.failed(other.ok().and_then(Result::err).unwrap_or_else(silent));
                failed = key;
                sleep(backoff.next_wait()).await;
            }
        }
    }
}

/// Returns the controller of a Job; `None` if it has none, or the Job does not exist.
async fn owner(client: &kube::Client, key: &str, status: &Status) -> Result<Answer, String> {
    #[derive(Deserialize)]
    struct Job<'a> {
        #[serde(borrow)]
        metadata: Object<Metadata<'a>>,
    }
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(borrow, rename = "ownerReferences")]
        owners: Option<List<Object<Reference<'a>>>>,
    }
    #[derive(Deserialize)]
    struct Reference<'a> {
        #[serde(borrow)]
        kind: Option<Text<'a>>,
        name: Option<Text<'a>>,
        controller: Option<bool>,
    }

    let words = |error: &kube::Error| explain(error, "get", "jobs.batch");
    let (namespace, name) = key.split_once('/').unwrap_or_default();
    let request =
        Request::get(format!("/apis/batch/v1/namespaces/{}/jobs/{}", escaped(namespace), escaped(name)))
            .header(ACCEPT, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
            .body(Body::empty())
            .map_err(|error| words(&kube::Error::HttpError(error)))?;
    let response = client.send(request).await.map_err(|error| words(&error))?;
    if response.status() == http::StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !response.status().is_success() {
        let refused = status_of(response, TIMEOUT).await;
        return Err(words(&kube::Error::Api(refused.boxed())));
    }
    let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| words(&kube::Error::Service(error)))?.to_bytes();
    status.received(body.len() as u64);
    let job: Job<'_> =
        serde_json::from_slice(&body).map_err(|error| words(&kube::Error::SerdeError(error)))?;
    let controller = each(&job.metadata.owners).find(|owner| owner.controller == Some(true));
    Ok(controller.and_then(|owner| {
        Some(Owner { kind: filled(&owner.kind)?.into(), name: filled(&owner.name)?.into() })
    }))
}
