//! Queries of panels, in the order of the dashboards.

/// Name of a panel, and its query. `CADVISOR`, `STATE` and `NODE` stand for the selectors of the jobs.
pub(crate) const PANELS: &[(&str, &str)] = &[
    ("variable cluster", "group by (cluster) (up{CADVISOR})"),
    ("variable namespace", "group by (namespace) (kube_namespace_status_phase{STATE})"),
    ("variable instance", "group by (instance) (up{NODE})"),
    // Compute Resources / Cluster
    ("cluster: CPU utilisation", "cluster:node_cpu:ratio_rate5m{cluster=\"shop\"}"),
    (
        "cluster: memory utilisation",
        "1 - sum(:node_memory_MemAvailable_bytes:sum{cluster=\"shop\"}) / sum(node_memory_MemTotal_bytes{NODE})",
    ),
    (
        "cluster: CPU by namespace",
        "sum by (namespace) (node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate5m{cluster=\"shop\"})",
    ),
    (
        "cluster: workloads by namespace",
        "count by (namespace) (group by (namespace, workload) (namespace_workload_pod:kube_pod_owner:relabel{cluster=\"shop\"}))",
    ),
    (
        "cluster: CPU of requests",
        "sum by (namespace) (node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate5m{cluster=\"shop\"}) \
         / sum by (namespace) (namespace_cpu:kube_pod_container_resource_requests:sum{cluster=\"shop\"})",
    ),
    (
        "cluster: memory of limits",
        "sum by (namespace) (container_memory_rss{CADVISOR, container!=\"\"}) \
         / sum by (namespace) (namespace_memory:kube_pod_container_resource_limits:sum{cluster=\"shop\"})",
    ),
    (
        "cluster: network by namespace",
        "sum by (namespace) (rate(container_network_receive_bytes_total{CADVISOR, namespace!=\"\"}[5m]))",
    ),
    // Compute Resources / Namespace (Pods)
    (
        "namespace: CPU of limits",
        "sum by (pod) (node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate5m{namespace=\"shop\"}) \
         / sum by (pod) (kube_pod_container_resource_limits{STATE, namespace=\"shop\", resource=\"cpu\"})",
    ),
    (
        "namespace: memory by pod",
        "sum by (pod) (container_memory_working_set_bytes{CADVISOR, namespace=\"shop\", container!=\"\", image!=\"\"})",
    ),
    (
        "namespace: memory quota",
        "sum by (pod) (container_memory_working_set_bytes{CADVISOR, namespace=\"shop\", container!=\"\", image!=\"\"}) \
         / sum by (pod) (kube_pod_container_resource_requests{STATE, namespace=\"shop\", resource=\"memory\"})",
    ),
    (
        "namespace: cache",
        "sum by (pod) (container_memory_cache{CADVISOR, namespace=\"shop\", container!=\"\"})",
    ),
    (
        "namespace: I/O by pod",
        "sum by (pod) (rate(container_fs_reads_total{CADVISOR, container!=\"\", device=\"\", namespace=\"shop\"}[5m]) \
         + rate(container_fs_writes_total{CADVISOR, container!=\"\", device=\"\", namespace=\"shop\"}[5m]))",
    ),
    // Compute Resources / Node (Pods)
    (
        "node: CPU by pod",
        "sum by (pod) (node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate5m{cluster=\"shop\", node=\"node-1\"})",
    ),
    (
        "node: memory by pod",
        "sum by (pod) (node_namespace_pod_container:container_memory_working_set_bytes{node=\"node-1\", container!=\"\"})",
    ),
    ("node: RSS", "sum by (pod) (node_namespace_pod_container:container_memory_rss{node=\"node-1\"})"),
    ("node: cache", "sum by (pod) (node_namespace_pod_container:container_memory_cache{node=\"node-1\"})"),
    (
        "node: CPU requests",
        "sum by (pod) (cluster:namespace:pod_cpu:active:kube_pod_container_resource_requests{node=\"node-1\"})",
    ),
    (
        "node: memory limits",
        "sum by (pod) (cluster:namespace:pod_memory:active:kube_pod_container_resource_limits{node=\"node-1\"})",
    ),
    ("node: CPU capacity", "sum(kube_node_status_capacity{STATE, node=\"node-1\", resource=\"cpu\"})"),
    ("node: memory capacity", "sum(kube_node_status_capacity{STATE, node=\"node-1\", resource=\"memory\"})"),
    // Compute Resources / Pod
    (
        "pod: CPU by container",
        "sum by (container) (node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate5m{namespace=\"shop\", pod=~\"client-.+\"})",
    ),
    (
        "pod: throttling",
        "sum by (container) (increase(container_cpu_cfs_throttled_periods_total{CADVISOR, namespace=\"shop\", container!=\"\"}[5m])) \
         / sum by (container) (increase(container_cpu_cfs_periods_total{CADVISOR, namespace=\"shop\", container!=\"\"}[5m])) > 0",
    ),
    (
        "pod: memory of limits",
        "sum by (container) (container_memory_working_set_bytes{CADVISOR, namespace=\"shop\", image!=\"\"}) \
         / sum by (container) (kube_pod_container_resource_limits{STATE, namespace=\"shop\", resource=\"memory\"})",
    ),
    (
        "pod: throughput by container",
        "sum by (container) (rate(container_fs_writes_bytes_total{CADVISOR, container!=\"\", device=\"\", namespace=\"shop\"}[5m]))",
    ),
    // Compute Resources / Workload
    (
        "workload: CPU by pod",
        "sum by (pod) (node_namespace_pod_container:container_cpu_usage_seconds_total:sum_rate5m{cluster=\"shop\", namespace=\"shop\"} \
         * on (cluster, namespace, pod) group_left (workload, workload_type) \
         namespace_workload_pod:kube_pod_owner:relabel{workload=\"web\", workload_type=\"deployment\"})",
    ),
    (
        "workload: memory requests",
        "sum by (pod) (kube_pod_container_resource_requests{STATE, namespace=\"shop\", resource=\"memory\"} \
         * on (cluster, namespace, pod) group_left (workload, workload_type) \
         namespace_workload_pod:kube_pod_owner:relabel{workload=\"web\", workload_type=\"deployment\"})",
    ),
    (
        "workload: network",
        "sum by (pod) (rate(container_network_transmit_bytes_total{CADVISOR, namespace=\"shop\"}[5m]) \
         * on (cluster, namespace, pod) group_left (workload, workload_type) \
         namespace_workload_pod:kube_pod_owner:relabel{workload=\"web\", workload_type=\"deployment\"})",
    ),
    // Networking / Pod
    (
        "networking: received",
        "sum by (pod) (rate(container_network_receive_bytes_total{CADVISOR, namespace=\"shop\", pod=~\"web-.+\"}[5m]))",
    ),
    (
        "networking: packets",
        "sum by (pod) (rate(container_network_transmit_packets_total{CADVISOR, namespace=\"shop\", pod=~\"web-.+\"}[5m]))",
    ),
    (
        "networking: dropped",
        "sum by (pod) (rate(container_network_receive_packets_dropped_total{CADVISOR, namespace=\"shop\", pod=~\"web-.+\"}[5m]))",
    ),
    // Kubelet / Persistent Volumes
    (
        "volumes: space",
        "kubelet_volume_stats_capacity_bytes{VOLUMES, namespace=\"shop\", persistentvolumeclaim=\"data-db-0\"} \
         - kubelet_volume_stats_available_bytes{VOLUMES, namespace=\"shop\", persistentvolumeclaim=\"data-db-0\"}",
    ),
    (
        "volumes: inodes",
        "kubelet_volume_stats_inodes_used{VOLUMES, namespace=\"shop\"} / kubelet_volume_stats_inodes{VOLUMES, namespace=\"shop\"}",
    ),
    // USE Method / Node
    ("USE: CPUs", "count(group by (cpu) (node_cpu_seconds_total{NODE, instance=\"node-1\"}))"),
    ("USE: disks", "count(node_disk_io_now{NODE, instance=\"node-1\"})"),
    ("USE: uptime", "time() - node_boot_time_seconds{NODE, instance=\"node-1\"}"),
    ("USE: CPU utilisation", "instance:node_cpu_utilisation:rate5m{NODE, instance=\"node-1\"}"),
    ("USE: CPU saturation", "instance:node_load1_per_cpu:ratio{NODE, instance=\"node-1\"}"),
    ("USE: memory utilisation", "instance:node_memory_utilisation:ratio{NODE, instance=\"node-1\"}"),
    (
        "USE: network utilisation",
        "instance:node_network_receive_bytes_excluding_lo:rate5m{NODE, instance=\"node-1\"}",
    ),
    (
        "USE: network saturation",
        "instance:node_network_transmit_drop_excluding_lo:rate5m{NODE, instance=\"node-1\"}",
    ),
    ("USE: disk utilisation", "instance_device:node_disk_io_time_seconds:rate5m{NODE, instance=\"node-1\"}"),
    (
        "USE: disk saturation",
        "instance_device:node_disk_io_time_weighted_seconds:rate5m{NODE, instance=\"node-1\"}",
    ),
    (
        "USE: disk space",
        "1 - max without (mountpoint, fstype) (node_filesystem_avail_bytes{NODE, instance=\"node-1\", fstype!=\"\", mountpoint!=\"\"}) \
         / max without (mountpoint, fstype) (node_filesystem_size_bytes{NODE, instance=\"node-1\", fstype!=\"\", mountpoint!=\"\"})",
    ),
    ("CPUs of a node", "node:node_num_cpu:sum{cluster=\"shop\", node=\"node-1\"}"),
];

/// Returns a query with the selectors.
pub(crate) fn with_selectors(query: &str) -> String {
    query
        .replace("CADVISOR", "job=\"kubelet\", metrics_path=\"/metrics/cadvisor\", cluster=\"shop\"")
        .replace("VOLUMES", "job=\"kubelet\", metrics_path=\"/metrics\", cluster=\"shop\"")
        .replace("STATE", "job=\"kube-state-metrics\", cluster=\"shop\"")
        .replace("NODE", "job=\"node-exporter\", cluster=\"shop\"")
}
