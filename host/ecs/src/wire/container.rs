//! Containers of a task.

use serde::de::MapAccess;

use super::limits::LimitsRecord;
use super::{MAX_LONG_TEXT_BYTES, MAX_TEXT_BYTES};
use crate::facts::{Container, ContainerLimits};
use crate::json::{Key, Notes, Record, Value};

/// Prefix of the names of containers that the ECS agent adds.
const INTERNAL: &str = "~internal~ecs~";

/// Type of the containers of the task definition.
const NORMAL: &str = "NORMAL";

/// Maximum number of networks. A container has one.
const MAX_NETWORKS: usize = 16;

/// A container.
#[derive(Debug, Default)]
pub(super) struct ContainerRecord {
    name: Option<Box<str>>,
    kind: Option<Box<str>>,
    limits: LimitsRecord,
    health: HealthRecord,
    container: Container,
}

impl ContainerRecord {
    /// Returns the container; `None` without a name, which is recorded as a lost row.
    pub(super) fn into_container(self, notes: &mut Notes) -> Option<Container> {
        let Self { name, kind, limits, health, container } = self;
        let Some(name) = name else {
            notes.row("no name of the container");
            return None;
        };
        let is_internal = name.starts_with(INTERNAL) || kind.is_some_and(|kind| &*kind != NORMAL);
        let limits = ContainerLimits { cpu_shares: limits.cpu(), memory_bytes: limits.memory_bytes() };
        Some(Container { name, is_internal, limits, health: health.0, ..container })
    }
}

impl Record for ContainerRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        let Self { container, .. } = self;
        match key.lower() {
            "dockerid" => container.docker_id = value.text(MAX_TEXT_BYTES)?,
            "name" => self.name = value.text(MAX_TEXT_BYTES)?,
            "image" => container.image = value.text(MAX_LONG_TEXT_BYTES)?,
            "knownstatus" => container.known_status = value.text(MAX_TEXT_BYTES)?,
            "type" => self.kind = value.text(MAX_TEXT_BYTES)?,
            "restartcount" => container.restarts = value.count()?,
            "limits" => {
                value.record(&mut self.limits)?;
            }
            "health" => {
                value.record(&mut self.health)?;
            }
            "networks" => {
                container.network_mode = None;
                let mode = &mut container.network_mode;
                value.list(MAX_NETWORKS, |network: NetworkRecord, _| *mode = mode.take().or(network.0))?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Result of the health check.
#[derive(Debug, Default)]
struct HealthRecord(Option<Box<str>>);

impl Record for HealthRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        if key.lower() == "status" {
            self.0 = value.text(MAX_TEXT_BYTES)?;
        }
        Ok(())
    }
}

/// Mode of a network.
#[derive(Debug, Default)]
struct NetworkRecord(Option<Box<str>>);

impl Record for NetworkRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        if key.lower() == "networkmode" {
            self.0 = value.text(MAX_TEXT_BYTES)?;
        }
        Ok(())
    }
}
