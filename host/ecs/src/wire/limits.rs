//! Limits of a task or a container.

use serde::de::MapAccess;

use super::MIB;
use crate::json::{Key, Record, Value};

/// Limits: of a task in vCPU and MiB, of a container in CPU shares and MiB. Zero means that there is no limit.
#[derive(Debug, Default)]
pub(super) struct LimitsRecord {
    cpu: Option<f64>,
    memory_mib: Option<f64>,
}

impl LimitsRecord {
    pub(super) fn cpu(&self) -> Option<f64> {
        self.cpu.filter(|cpu| *cpu > 0.0)
    }

    pub(super) fn memory_bytes(&self) -> Option<u64> {
        self.memory_mib.filter(|mib| *mib > 0.0).map(|mib| (mib * MIB) as u64)
    }
}

impl Record for LimitsRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        match key.lower() {
            "cpu" => self.cpu = value.number()?,
            "memory" => self.memory_mib = value.number()?,
            _ => {}
        }
        Ok(())
    }
}
