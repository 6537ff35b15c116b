//! Types of events, and where the figures of each come from.

use alloc::vec::Vec;

use insights_sdk::{Entity, Name};

use crate::keys::{Keys, set};

/// What an event is about.
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

impl EventType {
    /// Value of `Type`.
    pub(crate) fn text(self, is_ecs: bool) -> &'static str {
        match (self, is_ecs) {
            (Self::Node, false) => "Node",
            (Self::Node, true) => "Instance",
            (Self::NodeFs, false) => "NodeFS",
            (Self::NodeFs, true) => "InstanceFS",
            (Self::NodeDiskIo, false) => "NodeDiskIO",
            (Self::NodeDiskIo, true) => "InstanceDiskIO",
            (Self::NodeNet, false) => "NodeNet",
            (Self::NodeNet, true) => "InstanceNet",
            (Self::Pod, _) => "Pod",
            (Self::PodNet, _) => "PodNet",
            (Self::Container, _) => "Container",
            (Self::ContainerFs, _) => "ContainerFS",
        }
    }

    /// Value of `Sources`, JSON. The names are those of the reference's readers, whoever reads now: people filter by them.
    pub(crate) fn sources(self, is_ecs: bool) -> &'static str {
        match self {
            Self::Node if is_ecs => r#"["cadvisor","/proc","ecsagent","calculated"]"#,
            Self::Node => r#"["cadvisor","/proc","pod","calculated"]"#,
            Self::NodeDiskIo => r#"["cadvisor"]"#,
            Self::Pod | Self::Container => r#"["cadvisor","pod","calculated"]"#,
            Self::NodeFs | Self::NodeNet | Self::PodNet | Self::ContainerFs => r#"["cadvisor","calculated"]"#,
        }
    }
}

/// Attributes that all events of a kind have: key and value.
pub(crate) type Pairs = Vec<(Name, Name)>;

/// Sets all of `pairs`.
#[inline(never)]
pub(crate) fn set_all(entity: Entity<'_>, pairs: &[(Name, Name)]) {
    for &(key, value) in pairs {
        set(entity, key, value);
    }
}

/// `Type`, `Sources` and what all events of the node share, for one type of event.
pub(crate) fn header(batch: &insights_sdk::Batch, event: EventType, facts: &Facts, keys: &Keys) -> Pairs {
    let mut pairs = Vec::with_capacity(facts.shared.len() + 2);
    pairs.push((keys.kind, batch.name(event.text(facts.is_ecs))));
    pairs.push((keys.sources, batch.name(event.sources(facts.is_ecs))));
    pairs.extend_from_slice(&facts.shared);
    pairs
}

/// What is known of the node, for all its events.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) is_ecs: bool,
    /// Cluster, node and instance.
    pub(crate) shared: Pairs,
}
