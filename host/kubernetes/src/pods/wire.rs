//! Fields of a v1 `Pod`, as documented by the API. All are optional: the builder checks the required ones, and the removal
//! of a malformed field leaves the rest readable.

use serde::Deserialize;

use crate::quantity::{Bytes, Millicores};
use crate::text::{List, Object, Pairs, Text};

#[derive(Deserialize)]
pub(crate) struct Pod<'a> {
    #[serde(borrow)]
    pub(super) metadata: Option<Object<Metadata<'a>>>,
    pub(super) spec: Option<Object<Spec<'a>>>,
    pub(super) status: Option<Object<Status<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) uid: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) namespace: Option<Text<'a>>,
    pub(super) labels: Option<Pairs<'a>>,
    pub(super) annotations: Option<Pairs<'a>>,
    pub(super) owner_references: Option<List<Object<Owner<'a>>>>,
}

#[derive(Deserialize)]
pub(crate) struct Owner<'a> {
    #[serde(borrow)]
    pub(crate) kind: Option<Text<'a>>,
    pub(crate) name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec<'a> {
    pub(super) host_network: Option<bool>,
    pub(super) overhead: Option<Object<Amounts>>,
    pub(super) resources: Option<Object<Resources>>,
    #[serde(borrow)]
    pub(super) containers: Option<List<Object<Container<'a>>>>,
    pub(super) init_containers: Option<List<Object<Container<'a>>>>,
    pub(super) ephemeral_containers: Option<List<Object<Container<'a>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) image: Option<Text<'a>>,
    pub(super) restart_policy: Option<Text<'a>>,
    pub(super) resources: Option<Object<Resources>>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct Resources {
    pub(super) requests: Option<Object<Amounts>>,
    pub(super) limits: Option<Object<Amounts>>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct Amounts {
    pub(super) cpu: Option<Millicores>,
    pub(super) memory: Option<Bytes>,
    #[serde(rename = "ephemeral-storage")]
    pub(super) ephemeral_storage: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status<'a> {
    #[serde(borrow)]
    pub(super) phase: Option<Text<'a>>,
    pub(super) qos_class: Option<Text<'a>>,
    #[serde(rename = "podIP")]
    pub(super) pod_ip: Option<Text<'a>>,
    pub(super) start_time: Option<Time>,
    pub(super) resize: Option<Text<'a>>,
    pub(super) resources: Option<Object<Resources>>,
    pub(super) allocated_resources: Option<Object<Amounts>>,
    pub(super) conditions: Option<List<Object<Condition<'a>>>>,
    pub(super) container_statuses: Option<List<Object<ContainerStatus<'a>>>>,
    pub(super) init_container_statuses: Option<List<Object<ContainerStatus<'a>>>>,
    pub(super) ephemeral_container_statuses: Option<List<Object<ContainerStatus<'a>>>>,
}

#[derive(Deserialize)]
pub(super) struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    pub(super) status: Option<Text<'a>>,
    pub(super) reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerStatus<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(rename = "containerID")]
    pub(super) container_id: Option<Text<'a>>,
    pub(super) image: Option<Text<'a>>,
    pub(super) state: Option<Object<State<'a>>>,
    pub(super) last_state: Option<Object<State<'a>>>,
    pub(super) restart_count: Option<u64>,
    pub(super) resources: Option<Object<Resources>>,
    pub(super) allocated_resources: Option<Object<Amounts>>,
}

/// The state of a container. At most one field is set; no field is equivalent to waiting.
#[derive(Deserialize)]
pub(super) struct State<'a> {
    pub(super) running: Option<Object<Running>>,
    #[serde(borrow)]
    pub(super) waiting: Option<Object<Stopped<'a>>>,
    pub(super) terminated: Option<Object<Stopped<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Running {
    pub(super) started_at: Option<Time>,
}

#[derive(Deserialize)]
pub(super) struct Stopped<'a> {
    #[serde(borrow)]
    pub(super) reason: Option<Text<'a>>,
}

/// A time in RFC 3339 format, as milliseconds since the Unix epoch.
#[derive(Clone, Copy)]
pub(crate) struct Time(pub(crate) i64);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::deserialize(deserializer)?;
        match text.as_str().parse::<jiff::Timestamp>() {
            Ok(time) => Ok(Self(time.as_millisecond())),
            Err(error) => Err(serde::de::Error::custom(format_args!("not an RFC 3339 time: {error}"))),
        }
    }
}
