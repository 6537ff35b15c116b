//! Interfaces, and their sums.

use insights_sdk::Entity;

use crate::metric::{Metric, Publisher};
use crate::raw::Raw;

const METRICS: [Metric; 8] = [
    Metric::NetworkRxBytes,
    Metric::NetworkTxBytes,
    Metric::NetworkRxPackets,
    Metric::NetworkTxPackets,
    Metric::NetworkRxDropped,
    Metric::NetworkTxDropped,
    Metric::NetworkRxErrors,
    Metric::NetworkTxErrors,
];

/// Rates of one interface, in the order of [`METRICS`].
pub(crate) struct Rates([Option<f64>; 8]);

/// Publishes the rates of an interface.
pub(crate) fn publish(to: &Publisher<'_>, interface: Entity<'_>, raw: &Raw) -> Rates {
    let names = [
        raw.network_rx_bytes,
        raw.network_tx_bytes,
        raw.network_rx_packets,
        raw.network_tx_packets,
        raw.network_rx_dropped,
        raw.network_tx_dropped,
        raw.network_rx_errors,
        raw.network_tx_errors,
    ];
    let rates = Rates(names.map(|name| interface.counter(name)?.per_second()));
    for (metric, rate) in METRICS.into_iter().zip(rates.0) {
        to.put(interface, metric, rate);
    }
    to.put(interface, Metric::NetworkTotalBytes, total(&rates.0));
    rates
}

fn total(rates: &[Option<f64>; 8]) -> Option<f64> {
    Some(rates[0]? + rates[1]?)
}

/// Sum over interfaces: of every figure that at least one of them has.
#[derive(Default)]
pub(crate) struct Sum {
    rates: [Option<f64>; 8],
    total: Option<f64>,
}

impl Sum {
    /// One more interface.
    pub(crate) fn add(&mut self, rates: &Rates) {
        for (sum, rate) in self.rates.iter_mut().zip(rates.0) {
            add(sum, rate);
        }
        add(&mut self.total, total(&rates.0));
    }

    /// Publishes the sums.
    pub(crate) fn publish(&self, to: &Publisher<'_>, entity: Entity<'_>) {
        for (metric, rate) in METRICS.into_iter().zip(self.rates) {
            to.put(entity, metric, rate);
        }
        to.put(entity, Metric::NetworkTotalBytes, self.total);
    }

    /// Publishes the sums of bytes as what passed the node's own interfaces.
    pub(crate) fn publish_external(&self, to: &Publisher<'_>, entity: Entity<'_>) {
        to.put(entity, Metric::NetworkExternalRxBytes, self.rates[0]);
        to.put(entity, Metric::NetworkExternalTxBytes, self.rates[1]);
        to.put(entity, Metric::NetworkExternalTotalBytes, self.total);
    }
}

fn add(sum: &mut Option<f64>, value: Option<f64>) {
    if let Some(value) = value {
        *sum = Some(sum.unwrap_or(0.0) + value);
    }
}

/// Whether an interface leads out of the node, as its name tells. Bridges, tunnels and the node's ends of pods' interfaces
/// carry bytes that an outer interface carries again, or that never leave the node.
pub(crate) fn is_external(interface: &str) -> bool {
    const INTERNAL: [&str; 16] = [
        "br-",
        "cali",
        "cilium",
        "cni",
        "docker",
        "dummy",
        "flannel",
        "gre",
        "ifb",
        "kube",
        "lxc",
        "nodelocaldns",
        "pod-id-link",
        "tunl",
        "virbr",
        "vxlan",
    ];
    // The Amazon VPC CNI names a pod's interface `eni` and eleven hexadecimal digits.
    let of_pod = interface
        .strip_prefix("eni")
        .is_some_and(|rest| rest.len() == 11 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    !of_pod && !INTERNAL.iter().any(|prefix| interface.starts_with(prefix))
}
