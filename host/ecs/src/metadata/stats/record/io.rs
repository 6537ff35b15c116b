//! Counters of block devices: a list of rows for each of bytes and operations.

use serde::de::MapAccess;

use crate::json::{Key, Record, Value};
use crate::metadata::stats::IoStats;
use crate::wire::MAX_TEXT_BYTES;

/// Maximum number of rows: six operations of each device.
const MAX_ROWS: usize = 4096;

#[derive(Default)]
pub(super) struct IoRecord {
    bytes: Sums,
    operations: Sums,
}

impl IoRecord {
    pub(super) fn stats(&self) -> IoStats {
        IoStats {
            read_bytes: self.bytes.read,
            write_bytes: self.bytes.write,
            reads: self.operations.read,
            writes: self.operations.write,
        }
    }
}

impl Record for IoRecord {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        let sums = match key.lower() {
            "io_service_bytes_recursive" => &mut self.bytes,
            "io_serviced_recursive" => &mut self.operations,
            _ => return Ok(()),
        };
        *sums = Sums::default();
        value.list(MAX_ROWS, |row: IoRow, _| sums.add(&row))?;
        Ok(())
    }
}

/// Sums over all devices.
#[derive(Default)]
struct Sums {
    read: Option<u64>,
    write: Option<u64>,
}

impl Sums {
    /// Adds a row. Other operations, such as `Sync` and `Total`, count the same bytes again.
    fn add(&mut self, row: &IoRow) {
        let Some((operation, value)) = row.operation.as_deref().zip(row.value) else { return };
        // `Read` on cgroup v1, `read` on v2.
        let sum = if operation.eq_ignore_ascii_case("read") {
            &mut self.read
        } else if operation.eq_ignore_ascii_case("write") {
            &mut self.write
        } else {
            return;
        };
        *sum = Some(sum.unwrap_or(0).saturating_add(value));
    }
}

#[derive(Default)]
struct IoRow {
    operation: Option<Box<str>>,
    value: Option<u64>,
}

impl Record for IoRow {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        match key.lower() {
            "op" => self.operation = value.text(MAX_TEXT_BYTES)?,
            "value" => self.value = value.count()?,
            _ => {}
        }
        Ok(())
    }
}
