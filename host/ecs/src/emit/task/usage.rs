//! Metrics of a container and of interfaces.

use insights_batch::{Builder, EntityId};

use crate::emit::counters::Counters;
use crate::emit::describe::gauge;
use crate::metadata::{ContainerStats, InterfaceStats};

/// The counters of one owner at one time.
pub(super) struct Reading<'c> {
    pub(super) owner: &'c str,
    /// Time of the reading. Without it there is no rate.
    pub(super) read_at_ns: Option<i64>,
    pub(super) counters: &'c mut Counters,
}

impl Reading<'_> {
    /// Adds a counter, if it is known, with its previous reading.
    pub(super) fn counter(
        &mut self,
        name: &'static str,
        current: Option<u64>,
        entity: EntityId,
        builder: &mut Builder,
    ) {
        let Some(current) = current else { return };
        let Self { owner, read_at_ns, counters } = self;
        let previous = read_at_ns.and_then(|at| counters.record(owner, name, current, at));
        builder.counter(entity, name, current, previous);
    }

    /// Adds the metrics of a container.
    pub(super) fn usage(&mut self, stats: &ContainerStats, entity: EntityId, builder: &mut Builder) {
        let ContainerStats { cpu, memory, io, pids, .. } = stats;
        for (name, current) in [
            ("cpu.usage_ns", cpu.usage_ns),
            ("cpu.user_ns", cpu.user_ns),
            ("cpu.system_ns", cpu.system_ns),
            ("cpu.periods", cpu.periods),
            ("cpu.throttled_periods", cpu.throttled_periods),
            ("cpu.throttled_ns", cpu.throttled_ns),
            ("memory.failcnt", memory.failcnt),
            ("io.read_bytes", io.read_bytes),
            ("io.write_bytes", io.write_bytes),
            ("io.reads", io.reads),
            ("io.writes", io.writes),
        ] {
            self.counter(name, current, entity, builder);
        }
        for (name, value) in [
            ("memory.usage_bytes", memory.usage_bytes),
            ("memory.max_usage_bytes", memory.max_usage_bytes),
            ("memory.cache_bytes", memory.cache_bytes),
            ("memory.rss_bytes", memory.rss_bytes),
            ("memory.inactive_file_bytes", memory.inactive_file_bytes),
            ("memory.limit_bytes", memory.limit_bytes),
            ("pids.current", *pids),
        ] {
            gauge(builder, entity, name, value);
        }
    }

    /// Adds interfaces below `entity`.
    pub(super) fn interfaces(
        &mut self,
        interfaces: &[InterfaceStats],
        entity: EntityId,
        builder: &mut Builder,
    ) {
        for interface in interfaces {
            let below = builder.entity("interface", &interface.name, Some(entity));
            builder.attribute(below, "interface", &interface.name);
            let owner = format!("{}/{}", self.owner, interface.name);
            let mut reading = Reading { owner: &owner, read_at_ns: self.read_at_ns, counters: self.counters };
            for (name, current) in [
                ("network.rx_bytes", interface.rx_bytes),
                ("network.rx_packets", interface.rx_packets),
                ("network.rx_errors", interface.rx_errors),
                ("network.rx_dropped", interface.rx_dropped),
                ("network.tx_bytes", interface.tx_bytes),
                ("network.tx_packets", interface.tx_packets),
                ("network.tx_errors", interface.tx_errors),
                ("network.tx_dropped", interface.tx_dropped),
            ] {
                reading.counter(name, current, below, builder);
            }
        }
    }
}
