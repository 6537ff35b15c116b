//! Requests for the agent's StatefulSet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Request;
use http::header::CONTENT_TYPE;
use insightd_fargate::shard::{Plan, PlanError};
use insightd_upstream::UpstreamStatus;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::client::{explain, send_for_object};

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
pub(super) struct StatefulSet {
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
    annotations: Option<BTreeMap<String, String>>,
    deletion_timestamp: Option<IgnoredAny>,
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

impl StatefulSet {
    pub(super) fn version(&self) -> Option<&str> {
        self.metadata.resource_version.as_deref()
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// Returns the plan in the annotation; `None` without one.
    pub(super) fn plan(&self) -> Option<Result<Plan, PlanError>> {
        Some(self.metadata.annotations.as_ref()?.get(ANNOTATION)?.parse())
    }

    /// Returns the number of replicas that the StatefulSet is to have.
    pub(super) fn wanted(&self) -> u32 {
        // The API's default.
        self.spec.replicas.unwrap_or(1)
    }

    pub(super) fn ready(&self) -> u32 {
        self.status.ready_replicas.unwrap_or(0)
    }

    /// Returns the number of the first pod.
    pub(super) fn start(&self) -> u32 {
        self.spec.ordinals.as_ref().map_or(0, |ordinals| ordinals.start)
    }
}

/// The client for the StatefulSet that the agent's pod belongs to.
pub(super) struct StatefulSetClient {
    client: kube::Client,
    settings: ReplicaSettings,
    timeout: Duration,
    status: Arc<UpstreamStatus>,
    /// Returns the wall clock in seconds since the Unix epoch; replaced by tests.
    clock: fn() -> u64,
}

impl StatefulSetClient {
    /// Creates the client of an agent with this interval.
    pub(super) fn new(client: kube::Client, settings: ReplicaSettings, interval: Duration) -> Self {
        Self {
            client,
            settings,
            // A read and a write together must end within half an interval.
            timeout: (interval / 5).min(MAX_TIMEOUT),
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

    /// Returns the time, seconds since the Unix epoch.
    pub(super) fn now_unix_s(&self) -> u64 {
        (self.clock)()
    }

    /// Returns the number of the agent's pod among the replicas, from 0.
    ///
    /// # Errors
    /// Fails if the pod's number is below that of the first pod.
    pub(super) fn ordinal(&self, object: &StatefulSet) -> Result<u32, String> {
        let (number, start) = (self.settings.pod.number, object.start());
        let below = || format!("{}: pod {number} is below spec.ordinals.start {start}", self.path());
        number.checked_sub(start).ok_or_else(below)
    }

    /// Adds the object to the text of an invalid plan.
    pub(super) fn plan_error(&self, error: &PlanError) -> String {
        format!("{}: annotation {ANNOTATION}: {error}", self.path())
    }

    fn path(&self) -> String {
        let ReplicaSettings { namespace, pod } = &self.settings;
        format!("/apis/apps/v1/namespaces/{namespace}/statefulsets/{}", pod.stateful_set)
    }

    /// Reads the object from storage: without a version, the API server does not answer from its cache.
    pub(super) async fn get(&self) -> Result<StatefulSet, String> {
        let request = Request::get(self.path()).body(Vec::new());
        self.send(request, "get").await
    }

    /// Writes the plan. Fails if the object has changed since it was read.
    pub(super) async fn put(&self, plan: Plan, version: Option<&str>) -> Result<(), String> {
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
        match tokio::time::timeout(self.timeout, send_for_object(&self.client, request)).await {
            Ok(result) => result.map_err(|error| error_text(&error)),
            Err(_) => Err(format!("{}: no response within {} s", self.path(), self.timeout.as_secs_f32())),
        }
    }
}
