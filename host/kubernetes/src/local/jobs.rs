//! Looks up the owners of the Jobs of local pods, with one metadata request per Job.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::Request;
use http::header::ACCEPT;
use kube::client::Body;
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::{SharedFacts, job_key};
use crate::client::reflect::percent_encoded;
use crate::client::{Backoff, explain, jitter_up_to, send};
use crate::pods::{Owner, PodList};
use crate::text::{List, Object, Text, elements, non_empty};
use insightd_upstream::{UpstreamStatus, lock};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Pause between two look-ups: a node full of new Jobs sends ten requests per second.
const PAUSE: Duration = Duration::from_millis(100);

/// The Jobs of local pods, by key; `None` for a Job that has not been looked up yet.
#[derive(Default)]
pub(super) struct Jobs {
    entries: Mutex<BTreeMap<Box<str>, Option<JobOwner>>>,
    new_jobs: Notify,
}

/// The owner of a Job, if it has one.
type JobOwner = Option<Owner>;

impl Jobs {
    pub(super) fn update_pods(&self, pods: &PodList, shared: &SharedFacts) {
        let mut before = self.entries();
        let mut now = BTreeMap::new();
        for pod in &pods.pods {
            for owner in pod.owners.iter().filter(|owner| &*owner.kind == "Job") {
                let key = job_key(&pod.namespace, &owner.name).into_boxed_str();
                let owner = before.remove(&key);
                if let Some(owner) = owner {
                    now.insert(key, owner);
                } else {
                    now.entry(key).or_insert(None);
                }
            }
        }
        let dropped = before.values().any(|owner| matches!(owner, Some(Some(_))));
        let missing = now.values().any(Option::is_none);
        *before = now;
        if dropped {
            self.publish(&before, shared);
        }
        if missing {
            self.new_jobs.notify_one();
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Option<JobOwner>>> {
        lock(&self.entries)
    }

    /// Returns a Job that has not been looked up: the first one after `last`, which failed, so that a single Job cannot
    /// block the others.
    fn next(&self, last: &str) -> Option<Box<str>> {
        let entries = self.entries();
        let mut open = entries.iter().filter(|(_, owner)| owner.is_none()).map(|(key, _)| key);
        let first = open.next()?;
        if **first > *last {
            return Some(first.clone());
        }
        Some(open.find(|key| ***key > *last).unwrap_or(first).clone())
    }

    fn set_owner(&self, key: &str, owner: JobOwner, shared: &SharedFacts) {
        let mut entries = self.entries();
        // The last pod of the Job may have ended meanwhile.
        if let Some(entry) = entries.get_mut(key) {
            let owned = owner.is_some();
            *entry = Some(owner);
            if owned {
                self.publish(&entries, shared);
            }
        }
    }

    fn publish(&self, entries: &BTreeMap<Box<str>, Option<JobOwner>>, shared: &SharedFacts) {
        let owned = entries.iter().filter_map(|(key, owner)| Some((key.clone(), owner.clone()??))).collect();
        shared.state().jobs = Arc::new(owned);
    }
}

/// Looks up Jobs until the future is dropped.
pub(super) async fn look_up(
    client: &kube::Client,
    shared: &SharedFacts,
    status: &UpstreamStatus,
    start_jitter: Duration,
) -> Infallible {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    sleep(jitter_up_to(start_jitter, &mut fastrand::Rng::new())).await;
    let mut failed = Box::<str>::default();
    loop {
        let Some(key) = shared.jobs.next(&failed) else {
            shared.jobs.new_jobs.notified().await;
            continue;
        };
        status.requested();
        match timeout(TIMEOUT, owner(client, &key, status)).await {
            Ok(Ok(owner)) => {
                status.succeeded();
                backoff.reset();
                shared.jobs.set_owner(&key, owner, shared);
                sleep(PAUSE).await;
            }
            other => {
                let timed_out =
                    || format!("cannot get jobs.batch: no response within {} s", TIMEOUT.as_secs());
                status.failed(other.ok().and_then(Result::err).unwrap_or_else(timed_out));
                failed = key;
                sleep(backoff.next_wait()).await;
            }
        }
    }
}

/// Returns the controller of a Job; `None` if it has none, or the Job does not exist.
async fn owner(client: &kube::Client, key: &str, status: &UpstreamStatus) -> Result<JobOwner, String> {
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

    let error_text = |error: &kube::Error| explain(error, "get", "jobs.batch");
    let (namespace, name) = key.split_once('/').unwrap_or_default();
    let request = Request::get(format!(
        "/apis/batch/v1/namespaces/{}/jobs/{}",
        percent_encoded(namespace),
        percent_encoded(name)
    ))
    .header(ACCEPT, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
    .body(Body::empty())
    .map_err(|error| error_text(&kube::Error::HttpError(error)))?;
    let body = match send(client, request).await {
        Ok(body) => body,
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
        Err(error) => return Err(error_text(&error)),
    };
    status.received(body.len() as u64);
    let job: Job<'_> =
        serde_json::from_slice(&body).map_err(|error| error_text(&kube::Error::SerdeError(error)))?;
    let controller = elements(&job.metadata.owners).find(|owner| owner.controller == Some(true));
    Ok(controller.and_then(|owner| {
        Some(Owner { kind: non_empty(&owner.kind)?.into(), name: non_empty(&owner.name)?.into() })
    }))
}
