//! Limits of a call.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Limits of every call. The defaults exceed the needs of a node with 110 pods about tenfold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Size of all linear memories of an instance together, bytes.
    pub memory_bytes: usize,
    /// CPU time of the calling thread in one call, including `configure`; a formatter's slices are one call. A batch has
    /// twice as much for all calls of its pipeline.
    pub cpu_time: Duration,
    /// Wall-clock time of one call: a distant backstop against waiting, which no component can do; on a throttled node even a
    /// good component may take long.
    pub wall_time: Duration,
    /// Base of the output limit of one call, bytes.
    pub output_base_bytes: usize,
    /// Bytes added to the output limit for each byte of input. The sum never exceeds `memory_bytes`.
    pub output_per_input_byte: usize,
    /// Base of the limit on entities that a stage returns.
    pub output_base_entities: usize,
    /// Entities added to that limit for each entity of the input.
    pub output_per_input_entity: usize,
    /// Descriptors of metrics (entities of kind `metric`) that a stage may return beyond twice those of its input. They are
    /// part of every slice of a formatter.
    pub output_base_descriptors: usize,
    /// Distinct routes of one `format`, over all slices of a batch.
    pub max_routes: usize,
    /// Bytes of events returned by one `format`, over all slices of a batch: their bodies, and 16 bytes of columns per event.
    pub max_payload_bytes: usize,
    /// Log lines of one call.
    pub log_lines_per_call: u32,
    /// Log lines of a component per minute.
    pub log_lines_per_minute: u32,
    /// Maximum length of a log line, bytes.
    pub log_line_bytes: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 32 << 20,
            cpu_time: Duration::from_secs(1),
            wall_time: Duration::from_secs(30),
            output_base_bytes: 4 << 20,
            output_per_input_byte: 8,
            output_base_entities: 8192,
            output_per_input_entity: 4,
            output_base_descriptors: 2048,
            max_routes: 256,
            max_payload_bytes: 64 << 20,
            log_lines_per_call: 50,
            log_lines_per_minute: 300,
            log_line_bytes: 1024,
        }
    }
}

impl CallLimits {
    /// Returns the output limit in bytes for an input of `input` bytes.
    pub(crate) fn output_bytes(&self, input: usize) -> usize {
        let scaled = input.saturating_mul(self.output_per_input_byte);
        self.output_base_bytes.saturating_add(scaled).min(self.memory_bytes)
    }

    /// Returns the limit on entities of a stage's output for an input of `input` entities.
    pub(crate) fn output_entities(&self, input: usize) -> usize {
        input.saturating_mul(self.output_per_input_entity).saturating_add(self.output_base_entities)
    }

    /// Returns the limit on descriptors of a stage's output for an input with `input` of them.
    pub(crate) fn output_descriptors(&self, input: usize) -> usize {
        input.saturating_mul(2).saturating_add(self.output_base_descriptors)
    }
}

/// Limits on core instances, memories and tables of one component instance. A Rust component has three instances with one
/// memory and two tables in total.
const MAX_INSTANCES: usize = 16;
const MAX_MEMORIES: usize = 4;
const MAX_TABLES: usize = 8;
/// Entries of one table: function pointers, 8 bytes each on the host.
const MAX_TABLE_ENTRIES: usize = 64 * 1024;

/// A limit that the component exceeded, as error text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OverLimit(pub(crate) String);

/// Limits the growth of the memories and tables in one call.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: usize,
    memory: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &CallLimits) -> Self {
        Self { limit: limits.memory_bytes, memory: 0 }
    }

    /// Returns the linear memory granted so far, bytes. It never shrinks.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.limit {
            let limit = self.limit;
            let reason = format!("requested {total} bytes of memory; the limit is {limit}");
            // An error traps. A failed `memory.grow` instead would leave the guest without memory that it needs, and most
            // guests then trap with a less useful message.
            return Err(OverLimit(reason).into());
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ENTRIES {
            let reason = format!("requested a table of {desired} entries; the limit is {MAX_TABLE_ENTRIES}");
            return Err(OverLimit(reason).into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}
