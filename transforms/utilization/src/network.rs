//! Network metrics of single interfaces, and summed over all interfaces of a node or pod.

use insights_sdk::Entity;

use crate::metrics::{Metric, Prefix, Publisher};
use crate::options::Options;
use crate::raw::{Raw, per_second};
use crate::uplink::Uplink;

const COUNT: usize = 9;

/// Metrics in the order of [`Rates`]; the last is the total of both directions.
const METRICS: [Metric; COUNT] = [
    Metric::NetworkRxBytes,
    Metric::NetworkRxPackets,
    Metric::NetworkRxErrors,
    Metric::NetworkRxDropped,
    Metric::NetworkTxBytes,
    Metric::NetworkTxPackets,
    Metric::NetworkTxErrors,
    Metric::NetworkTxDropped,
    Metric::NetworkTotalBytes,
];

/// The same metrics for interfaces that lead out of the node.
const UPLINK_METRICS: [Metric; COUNT] = [
    Metric::UplinkRxBytes,
    Metric::UplinkRxPackets,
    Metric::UplinkRxErrors,
    Metric::UplinkRxDropped,
    Metric::UplinkTxBytes,
    Metric::UplinkTxPackets,
    Metric::UplinkTxErrors,
    Metric::UplinkTxDropped,
    Metric::UplinkTotalBytes,
];

/// The same metrics under the names of the ECS agent, which has no total.
const TASK_METRICS: [Metric; COUNT - 1] = [
    Metric::EcsNetworkRxBytes,
    Metric::EcsNetworkRxPackets,
    Metric::EcsNetworkRxErrors,
    Metric::EcsNetworkRxDropped,
    Metric::EcsNetworkTxBytes,
    Metric::EcsNetworkTxPackets,
    Metric::EcsNetworkTxErrors,
    Metric::EcsNetworkTxDropped,
];

/// Bytes, packets, errors and drops per second, received then sent, and bytes of both directions.
type Rates = [Option<f64>; COUNT];

fn rates(interface: Entity<'_>, raw: &Raw) -> Rates {
    let mut rates: Rates = [None; COUNT];
    let names = [
        raw.rx_bytes,
        raw.rx_packets,
        raw.rx_errors,
        raw.rx_dropped,
        raw.tx_bytes,
        raw.tx_packets,
        raw.tx_errors,
        raw.tx_dropped,
    ];
    for (rate, name) in rates.iter_mut().zip(names) {
        *rate = per_second(interface, name);
    }
    rates[COUNT - 1] = rates[0].zip(rates[4]).map(|(rx, tx)| rx + tx);
    rates
}

/// Publishes the traffic of one interface.
pub(crate) fn publish(out: &mut Publisher<'_>, interface: Entity<'_>, prefix: Prefix, raw: &Raw) {
    out.publish_each(interface, prefix, &METRICS, &rates(interface, raw));
}

/// Publishes the traffic summed over all interfaces of `entity`. An interface without a rate yet is left out of the sum.
pub(crate) fn publish_sum(out: &mut Publisher<'_>, entity: Entity<'_>, prefix: Prefix, raw: &Raw) {
    let interfaces = entity.children_of_kind("interface");
    out.publish_each(entity, prefix, &METRICS, &sum(&interfaces, raw, |_| true));
}

/// Publishes the traffic of an ECS task or container, summed over `interfaces`; with `enhanced` also the bytes under the names
/// of enhanced Container Insights.
pub(crate) fn publish_task_sum(
    out: &mut Publisher<'_>,
    entity: Entity<'_>,
    interfaces: &[Entity<'_>],
    raw: &Raw,
    enhanced: bool,
) {
    let rates = sum(interfaces, raw, |_| true);
    out.publish_each(entity, Prefix::Bare, &TASK_METRICS, &rates);
    if enhanced {
        let metrics = [Metric::EcsNetworkRxBytes, Metric::EcsNetworkTxBytes];
        out.publish_each(entity, Prefix::EcsContainer, &metrics, &[rates[0], rates[4]]);
    }
}

/// Publishes the sum over a node's interfaces, and separately over those that lead out of the node.
pub(crate) fn publish_node_sum(
    out: &mut Publisher<'_>,
    node: Entity<'_>,
    prefix: Prefix,
    raw: &Raw,
    options: &Options,
) {
    let interfaces = node.children_of_kind("interface");
    out.publish_each(node, prefix, &METRICS, &sum(&interfaces, raw, |_| true));
    let uplink = Uplink { interfaces: &interfaces, raw, options };
    let rates = sum(&interfaces, raw, |interface| uplink.counts(interface));
    out.publish_each(node, prefix, &UPLINK_METRICS, &rates);
}

fn sum<'b>(interfaces: &[Entity<'b>], raw: &Raw, counts: impl Fn(Entity<'b>) -> bool) -> Rates {
    let mut sum: Rates = [None; COUNT];
    for &interface in interfaces {
        if counts(interface) {
            for (sum, rate) in sum.iter_mut().zip(rates(interface, raw)) {
                if let Some(rate) = rate {
                    *sum = Some(sum.map_or(rate, |sum| sum + rate));
                }
            }
        }
    }
    sum
}
