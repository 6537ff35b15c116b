//! Storage of the record: an annotation of a ConfigMap, or the spec of a Lease.

use kube::Client;
use serde_json::{Map, Value, json};

use super::elector::{Answer, Found, Request};
use super::record::Record;
use super::{LeaderSettings, LockKind};
use crate::client::explain;
use crate::problem::shortened;

/// Annotation in which existing Container Insights agents keep the record.
const ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";

/// An object as returned by the API server; it is written back as a whole, which preserves the rest of its content.
pub(crate) type Object = Map<String, Value>;

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
    pub(crate) async fn ask(&self, request: Request<Object>) -> (Answer<Object>, Option<String>) {
        let verb = match &request {
            Request::Get { .. } => "get",
            Request::Create(_) => "create",
            Request::Update(..) => "update",
        };
        let http = match self.http(request) {
            Ok(http) => http,
            Err(error) => return (Answer::Failed, Some(format!("{self}: {error}"))),
        };
        match self.client.request::<Object>(http).await {
            Ok(object) => {
                let (found, why) = self.found(object);
                (Answer::Found(found), why)
            }
            Err(error) => {
                let why = format!("{self}: {}", explain(&error, verb, self.kind.resource()));
                let answer = match error {
                    // A missing namespace is also a 404, but a create cannot fix it, and reports it itself.
                    kube::Error::Api(status) if status.code == 404 && verb != "create" => Answer::Missing,
                    kube::Error::Api(status) if status.code == 409 => Answer::Conflict,
                    _ => Answer::Failed,
                };
                (answer, Some(why))
            }
        }
    }

    fn http(&self, request: Request<Object>) -> Result<http::Request<Vec<u8>>, String> {
        let Self { namespace, name, .. } = self;
        let all = match self.kind {
            LockKind::ConfigMap => format!("/api/v1/namespaces/{namespace}/configmaps"),
            LockKind::Lease => format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"),
        };
        let (method, path, body) = match request {
            Request::Get { exact: true } => ("GET", format!("{all}/{name}"), None),
            // Served from the API server's memory: thousands of followers read, and none of these reads reaches etcd.
            Request::Get { exact: false } => ("GET", format!("{all}/{name}?resourceVersion=0"), None),
            Request::Create(record) => {
                let mut object = Object::new();
                object.insert("apiVersion".into(), self.kind.api_version().into());
                object.insert("kind".into(), self.kind.name().into());
                object.insert("metadata".into(), json!({ "name": name, "namespace": namespace }));
                self.put(&mut object, &record);
                ("POST", all, Some(object))
            }
            Request::Update(mut object, record) => {
                self.put(&mut object, &record);
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

    fn put(&self, object: &mut Object, record: &Record) {
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
    fn found(&self, object: Object) -> (Found<Object>, Option<String>) {
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
                    Err(why) => (Value::Object(spec.clone()).to_string(), Err(why)),
                },
                Some(other) => (other.to_string(), Err("not a JSON object".to_owned())),
            },
        };
        match record {
            Ok(record) => (Found { object, raw, record }, None),
            Err(why) => {
                let seconds = self.lease_seconds;
                let place = match self.kind {
                    LockKind::ConfigMap => format!("annotation `{ANNOTATION}`"),
                    LockKind::Lease => "`spec`".to_owned(),
                };
                let why = format!(
                    "{self}: {place} is not a leader record ({}); replaced after {seconds} s without change",
                    shortened(why)
                );
                let record =
                    Record { holder: UNREADABLE.into(), duration_seconds: seconds, ..Record::default() };
                (Found { object, raw, record }, Some(why))
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
fn child<'o>(object: &'o mut Object, key: &str) -> Option<&'o mut Object> {
    let value = object.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// Returns `metadata.uid`.
pub(crate) fn uid(object: &Object) -> Option<&str> {
    object.get("metadata")?.get("uid")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Answer as Says, Server, until};
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
        let server = Server::start(|_, _| Says::ok()).await;
        let store = Store::new(server.client(), &settings(kind));
        (server, store)
    }

    fn found(store: &Store, record: &Value) -> (Found<Object>, Option<String>) {
        store.found(object(store.kind, record).as_object().unwrap().clone())
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
            let (found, why) = found(&store, &empty);
            assert_eq!((found.record.holder.as_str(), why), ("", None), "{empty}");
        }
        let (_server, store) = store_of_lease().await;
        for empty in [json!({}), Value::Null, json!({"holderIdentity": ""}), json!({"holderIdentity": null})]
        {
            let (found, why) = found(&store, &empty);
            assert_eq!((found.record.holder.as_str(), why), ("", None), "{empty}");
        }
    }

    async fn store_of_lease() -> (Server, Store) {
        store(LockKind::Lease).await
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_is_held_and_said() {
        let (_server, store) = store(LockKind::ConfigMap).await;
        for broken in [json!("{"), json!("[]"), json!(r#"{"holderIdentity":7}"#), json!(7)] {
            let (found, why) = found(&store, &broken);
            assert_eq!((found.record.holder.as_str(), found.record.duration_seconds), (UNREADABLE, 2));
            assert!(!found.raw.is_empty());
            let why = why.unwrap();
            assert!(why.contains("is not a leader record") && why.contains("after 2 s"), "{why}");
        }
        let (_server, store) = store_of_lease().await;
        for broken in [json!({"renewTime": "yesterday"}), json!("x")] {
            let (found, why) = found(&store, &broken);
            assert_eq!(found.record.holder, UNREADABLE, "{broken}");
            assert!(why.unwrap().contains("`spec` is not a leader record"));
        }
    }

    /// Over HTTP: an empty record is taken over immediately, and an unreadable one after the duration of a lease.
    #[tokio::test]
    async fn whoever_stands_alone_comes_to_lead() {
        for kind in [LockKind::ConfigMap, LockKind::Lease] {
            let empty = if kind == LockKind::Lease { Value::Null } else { json!("") };
            for record in [empty, json!("{")] {
                let shown = object(kind, &record);
                let server = Server::start(move |_, asked| match asked.head.starts_with("PUT") {
                    // Like the API server, returns the written object.
                    true => Says::ok().send(asked.body.clone()),
                    false => Says::ok().send(shown.to_string()),
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
