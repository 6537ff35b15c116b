//! Types of events, and the sources of their metrics.

use alloc::vec::Vec;

use insights_sdk::{Batch, Entity, Name};

use crate::keys::{Keys, set};

/// Type of an event of the node or of something on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventType {
    Node,
    NodeFs,
    NodeDiskIo,
    NodeNet,
    Pod,
    PodNet,
    Container,
    ContainerFs,
}

const CALCULATED: &str = r#"["cadvisor","calculated"]"#;
const FROM_KUBELET: &str = r#"["cadvisor","pod","calculated"]"#;
/// `Sources` of data from the API server.
pub(crate) const API_SERVER: &str = r#"["apiserver"]"#;

/// `Type` and `Sources` by [`EventType`]; `Sources` is JSON. The names are those of the Container Insights agents'
/// receivers, independent of the reader used here, because users filter by them.
const TYPES: [(&str, &str); 8] = [
    ("Node", r#"["cadvisor","/proc","pod","calculated"]"#),
    ("NodeFS", CALCULATED),
    ("NodeDiskIO", r#"["cadvisor"]"#),
    ("NodeNet", CALCULATED),
    ("Pod", FROM_KUBELET),
    ("PodNet", CALCULATED),
    ("Container", FROM_KUBELET),
    ("ContainerFS", CALCULATED),
];

/// Keys and values of the attributes that all events of a type share.
pub(crate) type Pairs = Vec<(Name, Name)>;

/// Sets all `pairs` on `entity`.
#[inline(never)]
pub(crate) fn set_all(entity: Entity<'_>, pairs: &[(Name, Name)]) {
    for &(key, value) in pairs {
        set(entity, key, value);
    }
}

/// Returns `Type`, `Sources` and the shared attributes of the node for one type of event.
pub(crate) fn header(batch: &Batch, event: EventType, facts: &Facts, keys: &Keys) -> Pairs {
    let (text, mut sources) = TYPES[event as usize];
    if facts.is_ecs && event == EventType::Node {
        sources = r#"["cadvisor","/proc","ecsagent","calculated"]"#;
    }
    match text.strip_prefix("Node").filter(|_| facts.is_ecs) {
        Some(rest) => start(batch, &["Instance", rest].concat(), sources, &facts.shared, keys),
        None => start(batch, text, sources, &facts.shared, keys),
    }
}

/// Returns `Type`, `Sources` unless empty, and `shared`.
#[inline(never)]
pub(crate) fn start(batch: &Batch, kind: &str, sources: &str, shared: &[(Name, Name)], keys: &Keys) -> Pairs {
    let mut pairs = Vec::with_capacity(shared.len() + 2);
    pairs.push((keys.kind, batch.name(kind)));
    if !sources.is_empty() {
        pairs.push((keys.sources, batch.name(sources)));
    }
    pairs.extend_from_slice(shared);
    pairs
}

/// Facts about the node that all its events share.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) is_ecs: bool,
    pub(crate) is_fargate: bool,
    /// Attributes of cluster, node and instance.
    pub(crate) shared: Pairs,
}
