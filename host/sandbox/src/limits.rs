//! What one call may use.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Bounds of every call. The defaults fit a node with 110 pods some ten times over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories of an instance together, bytes.
    pub memory_bytes: usize,
    /// CPU time of the calling thread in one call, `configure` included; a formatter's slices are one call. A batch has
    /// twice as much for all calls of its pipeline.
    pub cpu_time: Duration,
    /// Time on the clock in one call: a far backstop for a component that waits, which none can; on a throttled node a
    /// good component may take long.
    pub wall_time: Duration,
    /// What a component may hand over in one call, bytes: this much, …
    pub output_base_bytes: usize,
    /// … and so much more for each byte of its input. Never more than `memory_bytes`.
    pub output_per_input_byte: usize,
    /// Entities that a stage may return: this many, …
    pub output_base_entities: usize,
    /// … and so many more for each one of its input.
    pub output_per_input_entity: usize,
    /// Descriptors of metrics (entities of kind `metric`) that a stage may return beyond twice those of its input. They
    /// come with every slice of a formatter.
    pub output_base_descriptors: usize,
    /// Different routes that one `format` may name, over all slices of a batch.
    pub max_routes: usize,
    /// Bytes of events that one `format` may return, over all slices of a batch.
    pub max_payload_bytes: usize,
    /// Lines that one call may write to the log.
    pub log_lines_per_call: u32,
    /// Lines that a component may write to the log in a minute.
    pub log_lines_per_minute: u32,
    /// Longest line, bytes.
    pub log_line_bytes: usize,
}

impl Default for Limits {
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

impl Limits {
    /// What a component may hand over after it was given `input` bytes.
    pub(crate) fn output_bytes(&self, input: usize) -> usize {
        let scaled = input.saturating_mul(self.output_per_input_byte);
        self.output_base_bytes.saturating_add(scaled).min(self.memory_bytes)
    }
}

impl Limits {
    /// Entities that a stage may return for an input of `input` entities.
    pub(crate) fn output_entities(&self, input: usize) -> usize {
        input.saturating_mul(self.output_per_input_entity).saturating_add(self.output_base_entities)
    }

    /// Descriptors that a stage may return for an input that has `input` of them.
    pub(crate) fn output_descriptors(&self, input: usize) -> usize {
        input.saturating_mul(2).saturating_add(self.output_base_descriptors)
    }
}

/// Core instances, memories and tables of one component instance. A Rust component has three instances with one memory and
/// two tables between them.
const MAX_INSTANCES: usize = 16;
const MAX_MEMORIES: usize = 4;
const MAX_TABLES: usize = 8;
/// Entries of one table: pointers to functions, 8 bytes each on the host.
const MAX_TABLE_ENTRIES: usize = 64 * 1024;

/// A component went over a bound.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OverLimit(pub(crate) String);

/// Watches the growth of one call's memories and tables.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: usize,
    memory: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limit: limits.memory_bytes, memory: 0 }
    }

    /// Linear memory that was granted, bytes. It never shrinks.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.limit {
            let limit = self.limit;
            let reason = format!("it wanted {total} bytes of memory, the limit is {limit}");
            // An error traps. The softer answer, a failed `memory.grow`, leaves the guest to go on without memory it
            // needs, and most then trap with less to say.
            return Err(OverLimit(reason).into());
        }
        self.memory = total;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ENTRIES {
            let reason = format!("it wanted a table of {desired} entries, the limit is {MAX_TABLE_ENTRIES}");
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
