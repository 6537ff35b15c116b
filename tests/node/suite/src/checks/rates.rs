//! Published rates, compared with the raw counters that [`super::figures`] compares with the kubelet's.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::event::Event;
use crate::suite::{Bench, Profile, Verdict};
use crate::wait::now_ms;

/// Type, published metric, raw counter, and multiplier of growth per nanosecond.
const RATES: &[(&str, &str, &str, f64)] = &[
    ("Node", "node_cpu_usage_total", "cpu.usage_ns", 1000.0),
    ("Node", "node_cpu_usage_user", "cpu.user_ns", 1000.0),
    ("Pod", "pod_cpu_usage_total", "cpu.usage_ns", 1000.0),
    ("Pod", "pod_cpu_usage_system", "cpu.system_ns", 1000.0),
    ("Container", "container_cpu_usage_total", "cpu.usage_ns", 1000.0),
    ("Container", "container_cpu_usage_user", "cpu.user_ns", 1000.0),
    ("Container", "container_memory_pgfault", "memory.pgfault", 1e9),
    ("PodNet", "pod_interface_network_rx_bytes", "network.rx_bytes", 1e9),
    ("PodNet", "pod_interface_network_tx_packets", "network.tx_packets", 1e9),
    ("NodeNet", "node_interface_network_tx_bytes", "network.tx_bytes", 1e9),
    ("NodeDiskIO", "node_diskio_io_service_bytes_write", "io.write_bytes", 1e9),
];

pub(crate) fn run(bench: &mut Bench) -> Result<Verdict> {
    let pod = bench.agent(Profile::Quick)?;
    let output = pod.wait_for_ticks(&bench.settings, now_ms(), "Node", 4)?;
    let published: BTreeMap<(u64, String), &Event> = output
        .events
        .iter()
        .filter(|event| !event.is_raw())
        .map(|event| ((event.time_ms, event.identity()), event))
        .collect();
    let mut compared: BTreeMap<&str, usize> = BTreeMap::new();
    for raw in output.raw() {
        let Some(event) = published.get(&(raw.time_ms, raw.identity())) else { continue };
        for (_, metric, counter, multiplier) in RATES.iter().filter(|(kind, ..)| *kind == raw.kind()) {
            let figure = |suffix: &str| raw.figure(&format!("{counter}{suffix}"));
            let (Some(now), Some(before), Some(elapsed)) =
                (figure(""), figure(".previous"), figure(".elapsed_ns"))
            else {
                if let Some(value) = event.figure(metric) {
                    bail!("{metric} is {value} without two readings: {}", raw.value);
                }
                continue;
            };
            if now < before {
                continue;
            }
            let expected = (now - before) / elapsed * multiplier;
            let value = event.figure(metric);
            if value.is_none_or(|value| (value - expected).abs() > expected.abs() * 1e-12) {
                bail!("{metric} is {value:?}, expected {expected}: {}", event.value);
            }
            *compared.entry(metric).or_default() += 1;
        }
    }
    println!("  {compared:?}");
    match RATES.iter().find(|(kind, metric, ..)| *kind != "NodeDiskIO" && !compared.contains_key(metric)) {
        Some((_, metric, ..)) => bail!("{metric} was never compared"),
        None => Ok(Verdict::Passed),
    }
}
