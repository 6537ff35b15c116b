//! Events of the node, its file systems, disks and interfaces.

use insights_sdk::Entity;

use crate::event::{EventType, Facts, header, set_all};
use crate::keys::{Keys, set, value};
use crate::options::Options;

/// A file system of the node; a candidate for the one below the containers' layers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disk<'b> {
    pub(crate) entity: Entity<'b>,
    pub(crate) capacity: Option<f64>,
    pub(crate) inodes: Option<f64>,
}

/// Returns size in bytes and number of inodes of a file system.
pub(crate) fn size(filesystem: Entity<'_>) -> (Option<f64>, Option<f64>) {
    (filesystem.gauge("fs.capacity_bytes"), filesystem.gauge("fs.inodes"))
}

/// Collects the attributes that all events of the node share.
pub(crate) fn facts(options: &Options, node: Entity<'_>, keys: &Keys) -> Facts {
    let batch = node.batch();
    let is_ecs = options.is_ecs.unwrap_or_else(|| node.attribute("orchestrator") == Some("ecs"));
    let instance = batch.instance();
    let of_instance = |key: &str| instance.and_then(|instance| instance.attribute_name(key));

    let cluster = options.cluster_name.as_deref().map(|name| batch.name(name));
    let cluster = cluster.or_else(|| value(node, keys.raw_cluster_name));
    let configured = options.node_name.as_deref().map(|name| batch.name(name));
    let node_name =
        configured.or_else(|| value(node, keys.raw_node_name)).unwrap_or_else(|| batch.name(node.id()));
    // An ECS instance is identified by its container instance id; it has a node name only if one is configured.
    let node_names = if is_ecs { (configured, None) } else { (Some(node_name), Some(node_name)) };

    let launch_type = node.attribute_name("node.compute_type");

    let shared = [
        (keys.cluster_name, cluster),
        (keys.node_name, node_names.0),
        (keys.raw_node_name, node_names.1),
        (keys.instance_id, of_instance("instance.id")),
        (keys.instance_type, of_instance("instance.type")),
        (keys.autoscaling_group, of_instance("instance.autoscaling_group")),
        (keys.container_instance_id, of_instance("container_instance.id").filter(|_| is_ecs)),
        (keys.launch_type, launch_type),
    ];
    let shared = shared.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    Facts { is_ecs, is_fargate: launch_type.is_some(), shared }
}

/// Turns the node and its direct children into events, and appends the node's file systems to `disks`.
pub(crate) fn mark<'b>(node: Entity<'b>, facts: &Facts, keys: &Keys, disks: &mut alloc::vec::Vec<Disk<'b>>) {
    let batch = node.batch();
    set_all(node, &header(batch, EventType::Node, facts, keys));
    // Without a dot in its name it would become a member of the event.
    node.rename_attribute("orchestrator", "node.orchestrator");

    let filesystem = header(batch, EventType::NodeFs, facts, keys);
    let disk = header(batch, EventType::NodeDiskIo, facts, keys);
    let interface = header(batch, EventType::NodeNet, facts, keys);
    for child in node.children() {
        match child.kind() {
            "filesystem" => {
                set_all(child, &filesystem);
                set_fstype(child, child, keys);
                set_volume(child, child, facts.is_ecs, keys);
                let (capacity, inodes) = size(child);
                disks.push(Disk { entity: child, capacity, inodes });
            }
            "disk" => {
                set_all(child, &disk);
                set_volume(child, child, facts.is_ecs, keys);
            }
            "interface" => set_all(child, &interface),
            _ => {}
        }
    }
}

/// Sets `fstype` to `vfs`, which the Container Insights agents report for every file system that they read with `statfs`,
/// and `filesystem_type` to the kernel's name of the type.
pub(crate) fn set_fstype(entity: Entity<'_>, device: Entity<'_>, keys: &Keys) {
    entity.set_attribute(keys.fstype, "vfs");
    if let Some(kind) = value(device, keys.raw_fs_type) {
        set(entity, keys.filesystem_type, kind);
    }
}

/// Sets the ids of the EBS volumes behind `device`.
pub(crate) fn set_volume(entity: Entity<'_>, device: Entity<'_>, is_ecs: bool, keys: &Keys) {
    if let Some(id) = value(device, keys.raw_ebs_id) {
        set(entity, keys.ebs_id, id);
    }
    if let Some(id) = value(device, keys.raw_persistent_ebs_id).filter(|_| !is_ecs) {
        set(entity, keys.persistent_ebs_id, id);
    }
}
