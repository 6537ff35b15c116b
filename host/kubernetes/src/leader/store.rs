//! Storage of the record: an annotation of a ConfigMap, or the spec of a Lease.

use kube::Client;
use serde_json::{Map, Value, json};

use super::protocol::{LockState, StoreRequest, StoreResponse};
use super::record::Record;
use super::{LeaderSettings, LockKind};
use crate::client::{explain, send_for_object};
use crate::problem::shortened;

/// Annotation in which existing Container Insights agents keep the record.
const ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";

/// An object as returned by the API server; it is written back as a whole, which preserves the rest of its content.
pub(crate) type LockObject = Map<String, Value>;

/// The lock object in the API server.
#[derive(Clone)]
pub(crate) struct Store {
    client: Client,
    kind: LockKind,
    namespace: String,
    name: String,
    /// Time in seconds for which an unreadable record counts as held.
    lease_seconds: i64,
}

/// Holder of a lock with an unreadable record.
const UNREADABLE: &str = "(unreadable record)";

impl Store {
    pub(crate) fn new(client: Client, settings: &LeaderSettings) -> Self {
        Self {
            client,
            kind: settings.kind,
            namespace: settings.namespace.clone(),
            name: settings.name.clone(),
            lease_seconds: i64::try_from(settings.lease_duration.as_secs()).unwrap_or(i64::MAX),
        }
    }

    /// Sends a request. Returns the response and, if it failed or the record is unreadable, an error text for the operator.
    pub(crate) async fn send(
        &self,
        request: StoreRequest<LockObject>,
    ) -> (StoreResponse<LockObject>, Option<String>) {
        let verb = match &request {
            StoreRequest::Get { .. } => "get",
            StoreRequest::Create(_) => "create",
            StoreRequest::Update(..) => "update",
        };
        let http = match self.http(request) {
            Ok(http) => http,
            Err(error) => return (StoreResponse::Failed, Some(format!("{self}: {error}"))),
        };
        match send_for_object::<LockObject>(&self.client, http).await {
            Ok(object) => {
                let (lock_state, problem) = self.lock_state(object);
                (StoreResponse::Found(lock_state), problem)
            }
            Err(error) => {
                let problem = format!("{self}: {}", explain(&error, verb, self.kind.resource()));
                let response = match error {
                    // A missing namespace is also a 404, but a create cannot fix it, and reports it itself.
                    kube::Error::Api(status) if status.code == 404 && verb != "create" => {
                        StoreResponse::Missing
                    }
                    kube::Error::Api(status) if status.code == 409 => StoreResponse::Conflict,
                    _ => StoreResponse::Failed,
                };
                (response, Some(problem))
            }
        }
    }

    fn http(&self, request: StoreRequest<LockObject>) -> Result<http::Request<Vec<u8>>, String> {
        let Self { namespace, name, .. } = self;
        let all = match self.kind {
            LockKind::ConfigMap => format!("/api/v1/namespaces/{namespace}/configmaps"),
            LockKind::Lease => format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"),
        };
        let (method, path, body) = match request {
            StoreRequest::Get { is_consistent: true } => ("GET", format!("{all}/{name}"), None),
            // Served from the API server's memory: thousands of followers read, and none of these reads reaches etcd.
            StoreRequest::Get { is_consistent: false } => {
                ("GET", format!("{all}/{name}?resourceVersion=0"), None)
            }
            StoreRequest::Create(record) => {
                let mut object = LockObject::new();
                object.insert("apiVersion".into(), self.kind.api_version().into());
                object.insert("kind".into(), self.kind.name().into());
                object.insert("metadata".into(), json!({ "name": name, "namespace": namespace }));
                self.set_record(&mut object, &record);
                ("POST", all, Some(object))
            }
            StoreRequest::Update(mut object, record) => {
                self.set_record(&mut object, &record);
                ("PUT", format!("{all}/{name}"), Some(object))
            }
        };
        let body = match body {
            None => Vec::new(),
            Some(object) => serde_json::to_vec(&object).map_err(|error| error.to_string())?,
        };
        http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| error.to_string())
    }

    fn set_record(&self, object: &mut LockObject, record: &Record) {
        match self.kind {
            LockKind::Lease => {
                object.insert("spec".into(), record.to_spec());
            }
            LockKind::ConfigMap => {
                let metadata = child(object, "metadata");
                if let Some(annotations) = metadata.and_then(|metadata| child(metadata, "annotations")) {
                    annotations.insert(ANNOTATION.into(), record.to_annotation().into());
                }
            }
        }
    }

    /// Reads the lock from `object`; returns an error text as well if its record is unreadable.
    ///
    /// An empty record is a free lock, independent of the rest of the object. An unreadable record may belong to a living
    /// holder of a future version: it counts as held until it has not changed for the duration of a lease, in which a
    /// living holder would have changed it several times, and is then replaced.
    fn lock_state(&self, object: LockObject) -> (LockState<LockObject>, Option<String>) {
        let (raw, record) = match self.kind {
            LockKind::ConfigMap => {
                let annotation =
                    object.get("metadata").and_then(|metadata| metadata.get("annotations")?.get(ANNOTATION));
                match annotation {
                    None | Some(Value::Null) => (String::new(), Ok(Record::default())),
                    Some(Value::String(text)) if text.trim().is_empty() => {
                        (String::new(), Ok(Record::default()))
                    }
                    Some(Value::String(text)) => (text.clone(), Record::from_annotation(text)),
                    Some(other) => (other.to_string(), Err("not a string".to_owned())),
                }
            }
            LockKind::Lease => match object.get("spec") {
                None | Some(Value::Null) => (String::new(), Ok(Record::default())),
                Some(Value::Object(spec)) => match Record::from_spec(spec) {
                    Ok(record) if record == Record::default() => (String::new(), Ok(record)),
                    Ok(record) => (record.to_spec().to_string(), Ok(record)),
                    Err(problem) => (Value::Object(spec.clone()).to_string(), Err(problem)),
                },
                Some(other) => (other.to_string(), Err("not a JSON object".to_owned())),
            },
        };
        match record {
            Ok(record) => (LockState { object, raw, record }, None),
            Err(problem) => {
                let seconds = self.lease_seconds;
                let location = match self.kind {
                    LockKind::ConfigMap => format!("annotation `{ANNOTATION}`"),
                    LockKind::Lease => "`spec`".to_owned(),
                };
                let problem = format!(
                    "{self}: {location} is not a leader record ({}); replaced after {seconds} s without change",
                    shortened(problem)
                );
                let record =
                    Record { holder: UNREADABLE.into(), duration_seconds: seconds, ..Record::default() };
                (LockState { object, raw, record }, Some(problem))
            }
        }
    }
}

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

/// Returns the object under this key; inserts it if it is missing.
fn child<'o>(object: &'o mut LockObject, key: &str) -> Option<&'o mut LockObject> {
    let value = object.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// Returns `metadata.uid`.
pub(crate) fn uid(object: &LockObject) -> Option<&str> {
    object.get("metadata")?.get("uid")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Response, Server, until};
    use crate::leader::Election;
    use std::time::Duration;

    fn settings(kind: LockKind) -> LeaderSettings {
        LeaderSettings {
            lease_duration: Duration::from_secs(2),
            renew_deadline: Duration::from_secs(1),
            retry_period: Duration::from_millis(50),
            ..LeaderSettings::new(kind, "monitoring", "node-1")
        }
    }

    fn object(kind: LockKind, record: &Value) -> Value {
        match kind {
            LockKind::ConfigMap => json!({"metadata": {"name": "l", "annotations": {ANNOTATION: record}}}),
            LockKind::Lease => json!({"metadata": {"name": "l"}, "spec": record}),
        }
    }

    async fn store(kind: LockKind) -> (Server, Store) {
        let server = Server::start(|_, _| Response::ok()).await;
        let store = Store::new(server.client(), &settings(kind));
        (server, store)
    }

    fn lock_state(store: &Store, record: &Value) -> (LockState<LockObject>, Option<String>) {
        store.lock_state(object(store.kind, record).as_object().unwrap().clone())
    }

    #[tokio::test]
    async fn an_empty_record_is_a_free_lock() {
        let (_server, store) = store(LockKind::ConfigMap).await;
        for empty in [
            json!(""),
            json!(" \n"),
            json!("null"),
            json!("{}"),
            Value::Null,
            json!(r#"{"holderIdentity":""}"#),
        ] {
            let (lock_state, problem) = lock_state(&store, &empty);
            assert_eq!((lock_state.record.holder.as_str(), problem), ("", None), "{empty}");
        }
        let (_server, store) = store_of_lease().await;
        for empty in [json!({}), Value::Null, json!({"holderIdentity": ""}), json!({"holderIdentity": null})]
        {
            let (lock_state, problem) = lock_state(&store, &empty);
            assert_eq!((lock_state.record.holder.as_str(), problem), ("", None), "{empty}");
        }
    }

    async fn store_of_lease() -> (Server, Store) {
        store(LockKind::Lease).await
    }

    #[tokio::test]
    async fn an_unreadable_record_counts_as_held_and_is_reported() {
        let (_server, store) = store(LockKind::ConfigMap).await;
        for broken in [json!("{"), json!("[]"), json!(r#"{"holderIdentity":7}"#), json!(7)] {
            let (lock_state, problem) = lock_state(&store, &broken);
            assert_eq!(
                (lock_state.record.holder.as_str(), lock_state.record.duration_seconds),
                (UNREADABLE, 2)
            );
            assert!(!lock_state.raw.is_empty());
            let problem = problem.unwrap();
            assert!(problem.contains("is not a leader record") && problem.contains("after 2 s"), "{problem}");
        }
        let (_server, store) = store_of_lease().await;
        for broken in [json!({"renewTime": "yesterday"}), json!("x")] {
            let (lock_state, problem) = lock_state(&store, &broken);
            assert_eq!(lock_state.record.holder, UNREADABLE, "{broken}");
            assert!(problem.unwrap().contains("`spec` is not a leader record"));
        }
    }

    /// Over HTTP: an empty record is taken over immediately, and an unreadable one after the duration of a lease.
    #[tokio::test]
    async fn the_only_candidate_acquires_empty_and_unreadable_records() {
        for kind in [LockKind::ConfigMap, LockKind::Lease] {
            let empty = if kind == LockKind::Lease { Value::Null } else { json!("") };
            for record in [empty, json!("{")] {
                let shown = object(kind, &record);
                let server = Server::start(move |_, request| match request.head.starts_with("PUT") {
                    // Like the API server, returns the written object.
                    true => Response::ok().send(request.body.clone()),
                    false => Response::ok().send(shown.to_string()),
                })
                .await;
                let election = Election::start(server.client(), settings(kind), None).unwrap();
                let leadership = election.leadership();
                until(|| leadership.is_leader()).await;
                assert_eq!(leadership.holder().as_deref(), Some("node-1"), "{kind:?} {record}");
            }
        }
    }
}
