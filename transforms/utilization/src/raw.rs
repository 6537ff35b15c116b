//! The raw names that are read on many entities, looked up once a call.

use insights_sdk::{Batch, Name};

macro_rules! raw {
    ($($field:ident = $name:literal,)*) => {
        /// Handles of raw names; docs/raw-metrics.md says what they are.
        pub(crate) struct Raw { $(pub(crate) $field: Name,)* }

        impl Raw {
            /// The handles of this batch.
            pub(crate) fn new(batch: &Batch) -> Self {
                Self { $($field: batch.name($name),)* }
            }
        }
    };
}

raw! {
    cpu_usage_ns = "cpu.usage_ns",
    cpu_user_ns = "cpu.user_ns",
    cpu_system_ns = "cpu.system_ns",
    memory_usage_bytes = "memory.usage_bytes",
    memory_cache_bytes = "memory.cache_bytes",
    memory_rss_bytes = "memory.rss_bytes",
    memory_max_usage_bytes = "memory.max_usage_bytes",
    memory_swap_bytes = "memory.swap_bytes",
    memory_failcnt = "memory.failcnt",
    memory_mapped_file_bytes = "memory.mapped_file_bytes",
    memory_inactive_file_bytes = "memory.inactive_file_bytes",
    memory_pgfault = "memory.pgfault",
    memory_pgmajfault = "memory.pgmajfault",
    memory_hierarchical_pgfault = "memory.hierarchical_pgfault",
    memory_hierarchical_pgmajfault = "memory.hierarchical_pgmajfault",
    network_rx_bytes = "network.rx_bytes",
    network_tx_bytes = "network.tx_bytes",
    network_rx_packets = "network.rx_packets",
    network_tx_packets = "network.tx_packets",
    network_rx_dropped = "network.rx_dropped",
    network_tx_dropped = "network.tx_dropped",
    network_rx_errors = "network.rx_errors",
    network_tx_errors = "network.tx_errors",
}
