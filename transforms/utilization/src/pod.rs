//! Pods and containers.

mod state;

use insights_sdk::Batch;
use insights_sdk::views::{Container, Pod};

use crate::core_set::{self, Faults, percent};
use crate::metric::{Metric, Publisher};
use crate::node::Capacity;
use crate::raw::Raw;
use crate::reserve::Reserve;
use crate::{filesystem, network};

/// Publishers of the types below a pod.
struct To<'a> {
    pod: Publisher<'a>,
    interface: Publisher<'a>,
    container: Publisher<'a>,
    /// `number_of_container_restarts` of a container has no prefix.
    bare: Publisher<'a>,
}

/// Publishes the figures of all pods that are events, of their interfaces, containers and containers' file systems.
pub(crate) fn publish(batch: &Batch, raw: &Raw, capacity: &Capacity, enhanced: bool) {
    let to = To {
        pod: Publisher::new(batch, "pod_"),
        interface: Publisher::new(batch, "pod_interface_"),
        container: Publisher::new(batch, "container_"),
        bare: Publisher::new(batch, ""),
    };
    for pod in batch.pods() {
        if pod.attribute("Type") == Some("Pod") {
            publish_pod(&to, pod, raw, capacity, enhanced);
        }
    }
}

fn publish_pod(to: &To<'_>, pod: Pod<'_>, raw: &Raw, capacity: &Capacity, enhanced: bool) {
    let containers = pod.containers();
    let used = core_set::publish(&to.pod, *pod, raw, Faults::Hierarchy, capacity);
    let reserve = Reserve::of(pod, &containers, capacity);
    let put = |metric, value| to.pod.put(*pod, metric, value);
    put(Metric::CpuRequest, reserve.cpu_request);
    put(Metric::MemoryRequest, reserve.memory_request);
    put(Metric::CpuLimit, reserve.cpu_limit);
    put(Metric::MemoryLimit, reserve.memory_limit);
    put(Metric::CpuReservedCapacity, percent(reserve.cpu_request, capacity.cpu_millicores));
    put(Metric::MemoryReservedCapacity, percent(reserve.memory_request, capacity.memory_bytes));
    put(Metric::CpuOverPodLimit, percent(used.cpu_millicores, reserve.cpu_limit));
    put(Metric::MemoryOverPodLimit, percent(used.working_set_bytes, reserve.memory_limit));
    state::publish(&to.pod, pod, &containers, enhanced);

    // A pod on the node's network sees the node's traffic; to call it the pod's would count it twice.
    if !pod.is_host_network() {
        let mut sum = network::Sum::default();
        for interface in pod.children_of_kind("interface") {
            sum.add(&network::publish(&to.interface, interface, raw));
        }
        sum.publish(&to.pod, *pod);
    }
    for container in containers {
        publish_container(to, container, raw, capacity, enhanced);
    }
}

fn publish_container(to: &To<'_>, container: Container<'_>, raw: &Raw, capacity: &Capacity, enhanced: bool) {
    for layer in container.children_of_kind("filesystem") {
        filesystem::publish_layer(&to.container, layer);
    }
    if container.attribute("Type") != Some("Container") {
        return;
    }
    let used = core_set::publish(&to.container, *container, raw, Faults::Own, capacity);
    let put = |metric, value| to.container.put(*container, metric, value);
    put(Metric::CpuRequest, container.cpu_request_millicores());
    put(Metric::MemoryRequest, container.memory_request_bytes());
    put(Metric::CpuLimit, container.cpu_limit_millicores());
    put(Metric::MemoryLimit, container.memory_limit_bytes());
    if enhanced {
        put(Metric::CpuOverContainerLimit, percent(used.cpu_millicores, container.cpu_limit_millicores()));
        put(
            Metric::MemoryOverContainerLimit,
            percent(used.working_set_bytes, container.memory_limit_bytes()),
        );
    }
    to.bare.put(*container, Metric::Restarts, container.restarts().and_then(|restarts| restarts.delta()));
}
