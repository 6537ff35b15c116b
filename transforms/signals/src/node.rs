//! Metrics of a node, of the pods on it, and of the agent.

use insights_sdk::Batch;

use crate::names::{Published, Raw};
use crate::options::{Group, Options};
use crate::{agent, oom, pids, pressure, storage, throttling, volume};

/// Publishes the metrics of all events of a node's batch.
pub(crate) fn publish(options: &Options, batch: &Batch) {
    let raw = Raw::new(batch);
    if options.has(Group::Pressure) {
        let names = Published::new(batch, "node_");
        for node in batch.of_kind("node").into_iter().filter(|&node| raw.is_event(node, "Node")) {
            pressure::publish_all(node, &raw, &names);
        }
    }
    if options.has(Group::Agent) {
        agent::publish(batch);
    }
    // Counters of cgroup v2 include those of the cgroups below.
    let is_v2 = batch.node().is_some_and(|node| node.attribute("cgroup.version") == Some("2"));
    let (of_pods, of_containers) = (Published::new(batch, "pod_"), Published::new(batch, "container_"));
    let of_volumes = volume::Names::new(batch);
    for pod in batch.of_kind("pod") {
        let containers = pod.children_of_kind("container");
        for &container in &containers {
            if !raw.is_event(container, "Container") {
                continue;
            }
            if options.has(Group::Throttling) {
                throttling::container(container, &raw, &of_containers);
            }
            if options.has(Group::Pressure) {
                pressure::publish_all(container, &raw, &of_containers);
            }
            if options.has(Group::Oom) {
                oom::container(container, &raw, &of_containers);
            }
            if options.has(Group::Pids) {
                pids::publish_all(container, &raw, &of_containers);
            }
        }
        if !raw.is_event(pod, "Pod") {
            continue;
        }
        if options.has(Group::Throttling) {
            throttling::pod(pod, &containers, &raw, &of_pods);
        }
        if options.has(Group::Pressure) {
            pressure::publish_all(pod, &raw, &of_pods);
        }
        if options.has(Group::Oom) {
            oom::pod(pod, &containers, is_v2, &raw, &of_pods);
        }
        if options.has(Group::Pids) {
            pids::publish_all(pod, &raw, &of_pods);
        }
        if options.has(Group::EphemeralStorage) {
            storage::publish_pod(pod, &containers, &raw);
        }
        if options.has(Group::Volumes) {
            volume::publish_all(pod, &of_volumes);
        }
    }
}
