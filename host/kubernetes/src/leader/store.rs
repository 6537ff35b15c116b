//! Where the record is kept: an annotation of a ConfigMap, or the spec of a Lease.

use kube::Client;
use serde_json::{Map, Value, json};

use super::elector::{Answer, Found, Request};
use super::record::Record;
use super::{LeaderSettings, LockKind};
use crate::client::explain;

/// Under which existing agents keep the record.
const ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";

/// An object as the API server sent it; written back whole, so that whatever else it holds stays.
pub(crate) type Object = Map<String, Value>;

/// The lock object in the API server.
#[derive(Clone)]
pub(crate) struct Store {
    client: Client,
    kind: LockKind,
    namespace: String,
    name: String,
}

impl Store {
    pub(crate) fn new(client: Client, settings: &LeaderSettings) -> Self {
        Self {
            client,
            kind: settings.kind,
            namespace: settings.namespace.clone(),
            name: settings.name.clone(),
        }
    }

    /// The answer; on failure also why, in words for an operator.
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
            Ok(object) => match self.found(object) {
                Ok(found) => (Answer::Found(found), None),
                Err(why) => (Answer::Failed, Some(why)),
            },
            Err(error) => {
                let why = format!("{self}: {}", explain(&error, verb, self.kind.resource()));
                let answer = match error {
                    // A missing namespace is also a 404, but nothing that a create could mend; it says so itself.
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
            // From the server's memory: thousands of followers ask, and none of it reaches the database.
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

    fn found(&self, object: Object) -> Result<Found<Object>, String> {
        let (raw, record) = match self.kind {
            LockKind::ConfigMap => {
                let annotation = object.get("metadata").and_then(|metadata| {
                    metadata.get("annotations")?.get(ANNOTATION)?.as_str().map(str::to_owned)
                });
                let record =
                    annotation.as_deref().map_or_else(|| Ok(Record::default()), Record::from_annotation);
                let record = record.map_err(|why| {
                    format!(
                        "{self}: annotation `{ANNOTATION}` is no leader record ({why}); \
                         nobody can lead until it is removed"
                    )
                })?;
                (annotation.unwrap_or_default(), record)
            }
            LockKind::Lease => {
                let empty = Map::new();
                let spec = object.get("spec").and_then(Value::as_object).unwrap_or(&empty);
                let record = Record::from_spec(spec)
                    .map_err(|why| format!("{self}: the spec is no leader record: {why}"))?;
                let raw =
                    if record == Record::default() { String::new() } else { record.to_spec().to_string() };
                (raw, record)
            }
        };
        Ok(Found { object, raw, record })
    }
}

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.kind.name(), self.namespace, self.name)
    }
}

/// The object of that key; put there if there is none.
fn child<'o>(object: &'o mut Object, key: &str) -> Option<&'o mut Object> {
    let value = object.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// `metadata.uid`.
pub(crate) fn uid(object: &Object) -> Option<&str> {
    object.get("metadata")?.get("uid")?.as_str()
}
