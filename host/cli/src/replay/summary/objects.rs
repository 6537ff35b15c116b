//! The tables of nodes and pods, from the names that `decorate` and `utilization` publish.

use super::quantity::{byte_rate, bytes, millicores, percent};
use super::table::{Align, Table};
use crate::replay::event::Parsed;

/// Returns the table of nodes; empty if no event describes a node.
pub(super) fn nodes(events: &[&Parsed]) -> String {
    let mut table = Table::new(&[
        ("NODE", Align::Left),
        ("CPU", Align::Left),
        ("MEMORY", Align::Left),
        ("NETWORK IN", Align::Right),
        ("OUT", Align::Right),
        ("DISK USED", Align::Right),
        ("DISK I/O", Align::Right),
        ("PODS", Align::Right),
        ("CONTAINERS", Align::Right),
    ]);
    let mut has_rows = false;
    for event in of_type(events, "Node") {
        let name = event.attributes.get("NodeName");
        let metric = |name: &str| event.metrics.get(name).copied();
        let whole = |name: &str| metric(name).map(|count| count.to_string());
        // The fullest file system and the busiest device: sums would count devices below others twice.
        let largest = |kind: &str, metric: &str| {
            let parts = of_type(events, kind).filter(|part| part.attributes.get("NodeName") == name);
            parts.filter_map(|part| part.metrics.get(metric).copied()).reduce(f64::max)
        };
        let cores = metric("node_cpu_limit").map(|limit| format!("{} cores", limit / 1000.0));
        table.row([
            name.cloned(),
            share(metric("node_cpu_utilization"), cores),
            share(metric("node_memory_utilization"), metric("node_memory_limit").map(bytes)),
            metric("node_network_rx_bytes").map(byte_rate),
            metric("node_network_tx_bytes").map(byte_rate),
            largest("NodeFS", "node_filesystem_utilization").map(percent),
            largest("NodeDiskIO", "node_diskio_io_service_bytes_total").map(byte_rate),
            whole("node_number_of_running_pods"),
            whole("node_number_of_running_containers"),
        ]);
        has_rows = true;
    }
    if has_rows { table.to_string() } else { String::new() }
}

/// Formats a share, with the whole if known.
fn share(share: Option<f64>, whole: Option<String>) -> Option<String> {
    let share = percent(share?);
    Some(whole.map_or_else(|| share.clone(), |whole| format!("{share} of {whole}")))
}

/// Returns the table of pods, by namespace and name, and the number of containers; empty if no event describes a pod.
pub(super) fn pods(events: &[&Parsed]) -> String {
    let mut pods: Vec<&Parsed> = of_type(events, "Pod").collect();
    if pods.is_empty() {
        return String::new();
    }
    // `PodName` is the name of the workload.
    let name = |pod: &Parsed| {
        let name = ["kubernetes.pod_name", "PodName"].into_iter().find_map(|key| pod.attributes.get(key));
        name.cloned()
    };
    let namespace = |pod: &Parsed| pod.attributes.get("Namespace").cloned();
    pods.sort_by_key(|pod| (namespace(pod), name(pod)));
    let mut table = Table::new(&[
        ("NAMESPACE", Align::Left),
        ("POD", Align::Left),
        ("STATUS", Align::Left),
        ("RUNNING", Align::Right),
        ("RESTARTS", Align::Right),
        ("CPU", Align::Right),
        ("MEMORY", Align::Right),
        ("NETWORK IN", Align::Right),
        ("OUT", Align::Right),
    ]);
    for pod in pods {
        let metric = |name: &str| pod.metrics.get(name).copied();
        let [running, containers] =
            ["pod_number_of_running_containers", "pod_number_of_containers"].map(metric);
        let running = running.zip(containers).map(|(running, all)| format!("{running}/{all}"));
        table.row([
            namespace(pod),
            name(pod),
            pod.attributes.get("pod_status").cloned(),
            running,
            metric("pod_number_of_container_restarts").map(|restarts| restarts.to_string()),
            metric("pod_cpu_usage_total").map(millicores),
            metric("pod_memory_working_set").map(bytes),
            metric("pod_network_rx_bytes").map(byte_rate),
            metric("pod_network_tx_bytes").map(byte_rate),
        ]);
    }
    let containers = of_type(events, "Container").count();
    format!(
        "{table}\ncontainers: {containers}, with sidecars and ephemeral ones; restarts are those since the tick before\n"
    )
}

fn of_type<'e>(events: &[&'e Parsed], kind: &str) -> impl Iterator<Item = &'e Parsed> {
    events.iter().copied().filter(move |event| event.kind() == Some(kind))
}

#[cfg(test)]
mod tests {
    use crate::replay::event::tests::event;

    use super::*;

    #[test]
    fn unknown_values_are_dashes_and_columns_stay_aligned() {
        let events = [
            r#"{"Type":"Node","NodeName":"n1","node_cpu_utilization":5.5,"node_memory_utilization":50,"node_memory_limit":1048576}"#,
            r#"{"Type":"Node"}"#,
            r#"{"Type":"NodeFS","NodeName":"n1","node_filesystem_utilization":10}"#,
            r#"{"Type":"NodeFS","NodeName":"n1","node_filesystem_utilization":90}"#,
            r#"{"Type":"NodeFS","NodeName":"n2","node_filesystem_utilization":99}"#,
        ]
        .map(event);
        let events: Vec<&Parsed> = events.iter().collect();
        assert_eq!(
            nodes(&events),
            concat!(
                "NODE  CPU    MEMORY             NETWORK IN  OUT  DISK USED  DISK I/O  PODS  CONTAINERS\n",
                "n1    5.5 %  50.0 % of 1.0 MiB           -    -     90.0 %         -     -           -\n",
                "-     -      -                           -    -          -         -     -           -\n",
            )
        );
        assert_eq!(pods(&events), "");
    }

    #[test]
    fn pods_are_sorted_and_their_names_do_no_harm() {
        let events = [
            r#"{"Type":"Pod","Namespace":"b","PodName":"workload","kubernetes":{"pod_name":"x\u001b[2J\ny"},"pod_cpu_usage_total":1234567.4,"pod_number_of_containers":2,"pod_number_of_running_containers":1}"#,
            r#"{"Type":"Pod","Namespace":"a","PodName":"w","pod_memory_working_set":1536,"pod_number_of_container_restarts":3,"pod_number_of_containers":2}"#,
            r#"{"Type":"Container"}"#,
            r#"{"Type":"Container"}"#,
        ]
        .map(event);
        let events: Vec<&Parsed> = events.iter().collect();
        assert_eq!(
            pods(&events),
            concat!(
                "NAMESPACE  POD            STATUS  RUNNING  RESTARTS       CPU   MEMORY  NETWORK IN  OUT\n",
                "a          w              -             -         3         -  1.5 KiB           -    -\n",
                "b          x\\u{1b}[2J\\ny  -           1/2         -  1234567m        -           -    -\n",
                "\ncontainers: 2, with sidecars and ephemeral ones; restarts are those since the tick before\n",
            )
        );
        assert_eq!(nodes(&events), "");
    }
}
