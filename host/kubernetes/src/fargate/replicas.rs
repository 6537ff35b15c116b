//! The agent's StatefulSet: how many replicas share the nodes. See [`insightd_fargate::shard`] for the rule.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Request;
use http::header::CONTENT_TYPE;
use insightd_fargate::shard::{Observed, Plan, ShardView, Unassigned};
use insightd_upstream::UpstreamStatus;
use serde::Deserialize;
use serde_json::json;

use crate::client::explain;

/// Annotation of the StatefulSet with the plan.
const ANNOTATION: &str = "insightd/fargate-replicas";

/// Resource of a role that permits the requests.
const RESOURCE: &str = "statefulsets.apps";

/// Longest time of one request.
const MAX_TIMEOUT: Duration = Duration::from_secs(10);

/// The agent's place among the replicas of a StatefulSet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSettings {
    /// Namespace of the StatefulSet.
    pub namespace: String,
    /// The agent's own pod.
    pub pod: StatefulSetPod,
}

/// Name of a StatefulSet and number of a pod, from the name of the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatefulSetPod {
    /// Name of the StatefulSet.
    pub stateful_set: String,
    /// Number at the end of the pod's name.
    pub number: u32,
}

impl StatefulSetPod {
    /// Parses the name of a pod, such as `insightd-fargate-2`. Returns `None` if it does not end in a number.
    pub fn from_pod_name(name: &str) -> Option<Self> {
        let (stateful_set, number) = name.rsplit_once('-')?;
        let is_canonical = number == "0" || !number.starts_with(['0', '+']);
        if stateful_set.is_empty() || !is_canonical {
            return None;
        }
        Some(Self { stateful_set: stateful_set.to_owned(), number: number.parse().ok()? })
    }
}

#[derive(Deserialize)]
struct StatefulSet {
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: Option<String>,
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct Spec {
    replicas: Option<u32>,
    ordinals: Option<Ordinals>,
}

#[derive(Default, Deserialize)]
struct Ordinals {
    #[serde(default)]
    start: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    ready_replicas: Option<u32>,
}

/// The plan of the replicas, which is read at the beginning of each round.
pub(super) struct Replicas {
    client: kube::Client,
    settings: ReplicaSettings,
    interval_s: u64,
    timeout: Duration,
    /// The view, once the first number of the StatefulSet's pods is known.
    view: Option<ShardView>,
    status: Arc<UpstreamStatus>,
    /// Returns the wall clock in seconds since the Unix epoch; replaced by tests.
    clock: fn() -> u64,
}

impl Replicas {
    pub(super) fn new(client: kube::Client, settings: ReplicaSettings, interval: Duration) -> Self {
        Self {
            client,
            settings,
            interval_s: interval.as_secs().max(1),
            // A read and a write together must end within half an interval.
            timeout: (interval / 5).min(MAX_TIMEOUT),
            view: None,
            status: Arc::new(UpstreamStatus::new("fargate_replicas")),
            clock: || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        }
    }

    #[cfg(test)]
    pub(super) fn with_clock(self, clock: fn() -> u64) -> Self {
        Self { clock, ..self }
    }

    pub(super) fn status(&self) -> Arc<UpstreamStatus> {
        Arc::clone(&self.status)
    }

    /// Reads the plan, writes a new one if this is ordinal 0 and the number changes, and returns the number of replicas that share
    /// the nodes in the tick of a time.
    pub(super) async fn replicas_in(&mut self, unix_s: u64) -> Result<u32, Unassigned> {
        match self.refresh().await {
            Ok(()) => self.status.succeeded(),
            Err(error_text) => self.status.failed(error_text),
        }
        let view = self.view.as_ref().ok_or(Unassigned::NoPlan)?;
        view.replicas_at(view.tick_at(unix_s))
    }

    pub(super) fn owns(&self, node: &str, replicas: u32) -> bool {
        self.view.as_ref().is_some_and(|view| view.owns(node, replicas))
    }

    pub(super) fn is_member(&self, unix_s: u64) -> bool {
        self.view.as_ref().is_some_and(|view| view.is_member(view.tick_at(unix_s)))
    }

    async fn refresh(&mut self) -> Result<(), String> {
        let sent_unix_s = (self.clock)();
        let object = self.get().await?;
        let Spec { replicas, ordinals } = &object.spec;
        let number = self.settings.pod.number;
        let start = ordinals.as_ref().map_or(0, |ordinals| ordinals.start);
        let Some(ordinal) = number.checked_sub(start) else {
            return Err(format!("{}: pod {number} is below spec.ordinals.start {start}", self.path()));
        };
        let (stored, invalid) = match object.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION))
        {
            None => (None, None),
            Some(text) => match text.parse::<Plan>() {
                Ok(plan) => (Some(plan), None),
                Err(error) => (None, Some(error)),
            },
        };
        let observed = Observed {
            // The API's default.
            wanted: replicas.unwrap_or(1),
            ready: object.status.ready_replicas.unwrap_or(0),
        };
        let interval_s = self.interval_s;
        let view = self.view.get_or_insert_with(|| ShardView::new(ordinal, interval_s));
        if let Some(plan) = view.read(stored, observed, sent_unix_s) {
            return self.put(plan, object.metadata.resource_version.as_deref()).await;
        }
        match invalid {
            // Ordinal 0 replaces it.
            Some(error) => Err(format!("{}: annotation {ANNOTATION}: {error}", self.path())),
            None => Ok(()),
        }
    }

    fn path(&self) -> String {
        let ReplicaSettings { namespace, pod } = &self.settings;
        format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/{}", pod.stateful_set)
    }

    /// Reads the object from storage: without a version, the API server does not answer from its cache.
    async fn get(&self) -> Result<StatefulSet, String> {
        let request = Request::get(self.path()).body(Vec::new());
        self.send(request, "get").await
    }

    /// Writes the plan. Fails if the object has changed since it was read.
    async fn put(&self, plan: Plan, version: Option<&str>) -> Result<(), String> {
        let body = json!({
            "metadata": {"annotations": {ANNOTATION: plan.to_string()}, "resourceVersion": version}
        });
        let request = Request::patch(self.path())
            .header(CONTENT_TYPE, "application/merge-patch+json")
            .body(body.to_string().into_bytes());
        self.send(request, "patch").await?;
        let Plan { before, replicas, from_unix_s } = plan;
        tracing::info!(
            before,
            replicas,
            from_unix_s,
            "announced the number of replicas that share the Fargate nodes"
        );
        Ok(())
    }

    async fn send(
        &self,
        request: Result<Request<Vec<u8>>, http::Error>,
        verb: &str,
    ) -> Result<StatefulSet, String> {
        let error_text = |error: &kube::Error| format!("{}: {}", self.path(), explain(error, verb, RESOURCE));
        let request = request.map_err(|error| error_text(&kube::Error::HttpError(error)))?;
        self.status.requested();
        match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Ok(result) => result.map_err(|error| error_text(&error)),
            Err(_) => Err(format!("{}: no response within {} s", self.path(), self.timeout.as_secs_f32())),
        }
    }
}
