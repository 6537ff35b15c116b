//! `Type` and attributes of every entity that becomes an event.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use insights_sdk::views::{Container, Pod};
use insights_sdk::{Batch, Entity, Name};

use crate::join::Joined;
use crate::options::{Options, Orchestrator};
use crate::{owners, status};

/// Attributes that a group of events has in common, as handles: setting them is copying numbers.
type Common = Vec<(Name, Name)>;

/// Marks what becomes an event: the node with its file systems, disks and interfaces; on Kubernetes also the pods and
/// containers that the kernel has figures of, with their interfaces and file systems.
pub(crate) fn mark(batch: &Batch, options: &Options, joined: &Joined) {
    let Some(node) = batch.node() else { return };
    let orchestrator = options
        .orchestrator
        .or_else(|| node.orchestrator().and_then(Orchestrator::parse))
        .unwrap_or(Orchestrator::Kubernetes);
    let common = of_instance(batch, *node, options, orchestrator);
    mark_node(*node, orchestrator, &common);
    if orchestrator == Orchestrator::Kubernetes {
        for pod in batch.pods().into_iter().filter(|pod| joined.contains(**pod)) {
            mark_pod(batch, pod, options, joined, &common);
        }
    }
}

/// What every event of this node says.
fn of_instance(batch: &Batch, node: Entity<'_>, options: &Options, orchestrator: Orchestrator) -> Common {
    let mut common = Common::new();
    let mut add = |key: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            common.push((batch.name(key), batch.name(value)));
        }
    };
    let node_name = options.node_name.as_deref().or(node.attribute("node.name"));
    add("ClusterName", options.cluster_name.as_deref().or(node.attribute("cluster.name")));
    if let Some(instance) = batch.instance() {
        add("InstanceId", instance.instance_id());
        add("InstanceType", instance.instance_type());
        add("AutoScalingGroupName", instance.autoscaling_group());
        if orchestrator == Orchestrator::Ecs {
            add("ContainerInstanceId", instance.container_instance_id());
        }
    }
    match orchestrator {
        Orchestrator::Kubernetes => {
            add("NodeName", node_name);
            add("node.name", node_name);
        }
        // An ECS instance is known by its ids; a name only where the operator gave one.
        Orchestrator::Ecs => {
            add("NodeName", options.node_name.as_deref());
            node.remove_attribute("node.name");
        }
    }
    common
}

fn mark_node(node: Entity<'_>, orchestrator: Orchestrator, common: &Common) {
    let ecs = orchestrator == Orchestrator::Ecs;
    let [of_node, of_fs, of_disk, of_net] = if ecs {
        ["Instance", "InstanceFS", "InstanceDiskIO", "InstanceNet"]
    } else {
        ["Node", "NodeFS", "NodeDiskIO", "NodeNet"]
    };
    let sources = if ecs {
        r#"["cadvisor","/proc","ecsagent","calculated"]"#
    } else {
        r#"["cadvisor","/proc","pod","calculated"]"#
    };
    mark_event(node, of_node, sources, common);
    for child in node.children() {
        match child.kind() {
            "filesystem" => {
                mark_event(child, of_fs, r#"["cadvisor","calculated"]"#, common);
                mark_filesystem(child);
                mark_volume(child, !ecs);
            }
            "disk" => {
                mark_event(child, of_disk, r#"["cadvisor"]"#, common);
                mark_volume(child, !ecs);
            }
            "interface" => mark_event(child, of_net, r#"["cadvisor","calculated"]"#, common),
            _ => {}
        }
    }
}

fn mark_pod(batch: &Batch, pod: Pod<'_>, options: &Options, joined: &Joined, common: &Common) {
    let common = of_pod(batch, pod, options, common);
    mark_event(*pod, "Pod", r#"["cadvisor","pod","calculated"]"#, &common);
    status::mark_pod(pod, options.enhanced);
    for child in pod.children() {
        match child.kind() {
            "interface" => mark_event(child, "PodNet", r#"["cadvisor","calculated"]"#, &common),
            "container" => mark_container(batch, Container::of(child), options, joined, &common),
            _ => {}
        }
    }
}

/// What every event of a pod says. Dotted attributes are for the `kubernetes` object: formatters see slices, without
/// the pod beside its containers.
fn of_pod(batch: &Batch, pod: Pod<'_>, options: &Options, common: &Common) -> Common {
    let mut of_pod = common.clone();
    let name = pod.name().unwrap_or_default();
    let owners = owners::owners(pod, options.prefer_full_pod_name);
    let pod_name = owners::pod_name(name, &owners, options.prefer_full_pod_name);
    let mut add = |key: &str, value: &str| {
        if !value.is_empty() {
            of_pod.push((batch.name(key), batch.name(value)));
        }
    };
    add("Namespace", pod.namespace().unwrap_or_default());
    add("PodName", &pod_name);
    if options.full_pod_name {
        add("FullPodName", name);
    }
    if options.service
        && let Some(service) = pod.services().into_iter().filter_map(|service| service.name()).min()
    {
        add("Service", service);
        add("service.name", service);
    }
    for (number, owner) in owners.iter().enumerate() {
        add(&format!("owner.{number}.kind"), owner.kind);
        add(&format!("owner.{number}.name"), owner.name);
    }
    for (key, value) in pod.attribute_names() {
        let text = batch.text(key);
        if matches!(text, "pod.name" | "pod.namespace" | "pod.uid")
            || (options.labels && text.starts_with("label."))
        {
            of_pod.push((key, value));
        }
    }
    if !options.labels {
        for (key, _) in pod.attribute_names() {
            if batch.text(key).starts_with("label.") {
                pod.remove_attribute(key);
            }
        }
    }
    of_pod
}

fn mark_container(
    batch: &Batch,
    container: Option<Container<'_>>,
    options: &Options,
    joined: &Joined,
    common: &Common,
) {
    let Some(container) = container else { return };
    let filesystems = container.children_of_kind("filesystem");
    let runs = joined.contains(*container);
    if !runs && filesystems.is_empty() {
        return;
    }
    let own = ["container.name", "container.id", "container.runtime"].map(|key| batch.name(key));
    let mut common: Cow<'_, Common> = Cow::Borrowed(common);
    if options.container_name
        && let Some(name) = container.attribute_name(own[0])
    {
        common.to_mut().push((batch.name("ContainerName"), name));
    }
    if runs {
        mark_event(*container, "Container", r#"["cadvisor","pod","calculated"]"#, &common);
        status::mark_container(container);
    }
    for filesystem in filesystems {
        mark_event(filesystem, "ContainerFS", r#"["cadvisor","calculated"]"#, &common);
        for key in own {
            if let Some(value) = container.attribute_name(key) {
                filesystem.set_attribute_name(key, value);
            }
        }
        mark_filesystem(filesystem);
        mark_volume(filesystem, true);
    }
}

fn mark_event(entity: Entity<'_>, kind: &str, sources: &str, common: &Common) {
    entity.set_attribute("Type", kind);
    entity.set_attribute("Sources", sources);
    for &(key, value) in common {
        entity.set_attribute_name(key, value);
    }
}

/// `fstype` is `vfs` on every event of the agents that dashboards were made for; the real type stands beside it.
fn mark_filesystem(filesystem: Entity<'_>) {
    filesystem.set_attribute("fstype", "vfs");
    if let Some(kind) = filesystem.attribute("fs.type") {
        filesystem.set_attribute("filesystem_type", kind);
    }
}

fn mark_volume(entity: Entity<'_>, persistent: bool) {
    if let Some(volume) = entity.attribute("volume.ebs_id") {
        entity.set_attribute("EBSVolumeId", volume);
    }
    if persistent && let Some(volume) = entity.attribute("volume.persistent_ebs_id") {
        entity.set_attribute("ebs_volume_id", volume);
    }
}
