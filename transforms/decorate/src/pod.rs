//! Events of pods, their interfaces, their containers and the containers' layers.

use alloc::vec::Vec;

use insights_sdk::json::integer_text;
use insights_sdk::{Batch, Entity, Name};

use crate::event::{EventType, Facts, Pairs, header, set_all};
use crate::join::Joined;
use crate::keys::{Keys, attribute, copy, copy_text, set, value};
use crate::labels;
use crate::node::{Disk, set_fstype, set_volume, size};
use crate::options::Options;
use crate::owner::{Owner, unowned_pod_name};

/// Turns all pods with usage metrics, and their children, into events. Options add pods without usage.
pub(crate) fn mark(
    options: &Options,
    batch: &Batch,
    facts: &Facts,
    keys: &Keys,
    joined: &Joined,
    disks: &[Disk<'_>],
) {
    let of = |event| header(batch, event, facts, keys);
    let headers = Headers {
        pod: of(EventType::Pod),
        interface: of(EventType::PodNet),
        container: of(EventType::Container),
        filesystem: of(EventType::ContainerFs),
        volume: facts.shared.clone(),
    };
    let mut marker = Marker::new(options, keys, headers, disks);
    marker.is_fargate = facts.is_fargate;
    for pod in batch.of_kind("pod") {
        marker.pod(pod, joined);
    }
}

/// Turns pods that are not bound to a node into events. They have no children.
pub(crate) fn mark_unbound(options: &Options, keys: &Keys, header: Pairs, pods: &[Entity<'_>]) {
    let headers = Headers { pod: header, ..Headers::default() };
    let mut marker = Marker::new(options, keys, headers, &[]);
    for &pod in pods {
        marker.identify(pod);
        marker.event(pod);
    }
}

#[derive(Default)]
struct Headers {
    pod: Pairs,
    interface: Pairs,
    container: Pairs,
    filesystem: Pairs,
    /// Attributes of the node. Volumes are no events.
    volume: Pairs,
}

struct Marker<'m> {
    options: &'m Options,
    keys: &'m Keys,
    headers: Headers,
    disks: &'m [Disk<'m>],
    /// `true` if every `PodName` is the pod's own name, as in the Fargate pipeline of ADOT.
    is_fargate: bool,
    /// Keys of kind and name, by position of the owner.
    owner_keys: Vec<(Name, Name)>,
    /// Attributes set on the pod and all its children.
    identity: Pairs,
    /// Attributes that the pod already has, set on all its children.
    copied: Pairs,
    /// Attributes copied from one container to its layers.
    pair: Pairs,
}

impl<'m> Marker<'m> {
    fn new(options: &'m Options, keys: &'m Keys, headers: Headers, disks: &'m [Disk<'m>]) -> Self {
        Self {
            options,
            keys,
            headers,
            disks,
            is_fargate: false,
            owner_keys: Vec::new(),
            identity: Vec::new(),
            copied: Vec::new(),
            pair: Vec::new(),
        }
    }

    fn pod(&mut self, pod: Entity<'_>, joined: &Joined) {
        let keys = self.keys;
        self.identify(pod);
        let is_pending = || attribute(pod, keys.raw_pod_phase) == Some("Pending");
        let all = self.options.identify_all;
        let is_wanted = all || self.options.pods_without_cgroup;
        if joined.has(pod, keys) || is_wanted || self.options.enhanced && is_pending() {
            self.event(pod);
        }
        for child in pod.children() {
            match child.kind() {
                "interface" => self.identified(child, &self.headers.interface),
                "volume" if all => self.identified(child, &self.headers.volume),
                "container" => {
                    self.container(child, joined);
                    if self.options.enhanced {
                        reason_of_ended(child, pod, keys);
                    }
                }
                _ => {}
            }
        }
    }

    /// Turns the pod of the last [`Marker::identify`] call into an event.
    fn event(&self, pod: Entity<'_>) {
        set_all(pod, &self.headers.pod);
        set_all(pod, &self.identity);
        copy(pod, self.keys.raw_pod_phase, pod, self.keys.pod_status);
    }

    /// Collects the attributes that identify the pod.
    fn identify(&mut self, pod: Entity<'_>) {
        let (batch, keys) = (pod.batch(), self.keys);
        self.identity.clear();
        self.copied.clear();
        for key in [keys.raw_pod_namespace, keys.raw_pod_name, keys.raw_pod_uid] {
            if let Some(value) = value(pod, key) {
                self.copied.push((key, value));
            }
        }
        if let Some(namespace) = value(pod, keys.raw_pod_namespace) {
            self.identity.push((keys.namespace, namespace));
        }
        let own_name = attribute(pod, keys.raw_pod_name);
        let full = self.options.prefer_full_pod_name;
        let mut pod_name = own_name.filter(|_| self.is_fargate);
        let workloads = pod.links("owned-by").into_iter();
        for (position, owner) in
            workloads.filter_map(|workload| Owner::resolve(pod, workload, keys, full)).enumerate()
        {
            let (kind, name) = self.owner_keys(batch, position);
            self.identity.push((kind, batch.name(owner.kind)));
            self.identity.push((name, batch.name(owner.name)));
            pod_name = pod_name.or_else(|| owner.pod_name(own_name?));
        }
        if let Some(own_name) = own_name {
            let pod_name = pod_name.unwrap_or_else(|| unowned_pod_name(own_name, full));
            self.identity.push((keys.pod_name, batch.name(pod_name)));
            if self.options.full_pod_name {
                self.identity.push((keys.full_pod_name, batch.name(own_name)));
            }
        }
        if self.options.service
            && let Some(service) = service(pod, keys)
        {
            self.identity.push((keys.service, service));
            self.identity.push((keys.raw_service, service));
        }
        labels::select(pod, &self.options.labels, &mut self.copied);
    }

    /// Sets a header and the identity of the pod on something below the pod.
    #[inline(never)]
    fn identified(&self, entity: Entity<'_>, header: &Pairs) {
        set_all(entity, header);
        set_all(entity, &self.identity);
        set_all(entity, &self.copied);
    }

    fn owner_keys(&mut self, batch: &Batch, position: usize) -> (Name, Name) {
        while self.owner_keys.len() <= position {
            let number = integer_text(self.owner_keys.len() as u64);
            let key = |what: &str| batch.name(&["owner.", &number, ".", what].concat());
            self.owner_keys.push((key("kind"), key("name")));
        }
        self.owner_keys[position]
    }

    fn container(&mut self, container: Entity<'_>, joined: &Joined) {
        let keys = self.keys;
        let name = value(container, keys.raw_container_name).filter(|_| self.options.container_name);
        if self.options.identify_all || joined.has(container, keys) {
            self.identified(container, &self.headers.container);
            if let Some(name) = name {
                set(container, keys.container_name, name);
            }
            set_status(container, keys);
        }
        // The kubelet's statistics lag behind its list of pods: they still contain layers of containers that ended.
        let is_running = || attribute(container, keys.raw_container_state) == Some("running");
        let is_there = joined.has(container, keys)
            || is_running() && container.parent().is_some_and(|pod| joined.has(pod, keys));
        for layer in container.children_of_kind("filesystem").into_iter().filter(|_| is_there) {
            self.identified(layer, &self.headers.filesystem);
            self.pair.clear();
            for key in [keys.raw_container_name, keys.raw_container_id, keys.raw_container_runtime] {
                if let Some(value) = value(container, key) {
                    self.pair.push((key, value));
                }
            }
            if let Some(name) = name {
                self.pair.push((keys.container_name, name));
            }
            set_all(layer, &self.pair);
            set_device(layer, self.disks, keys);
        }
    }
}

/// Returns the first of the pod's services by name: any other choice could change from tick to tick, and the service is a
/// dimension.
fn service(pod: Entity<'_>, keys: &Keys) -> Option<Name> {
    let services = pod.links("endpoint-of").into_iter();
    let names = services.filter_map(|service| Some((attribute(service, keys.raw_service)?, service)));
    let (_, service) = names.min_by(|left, right| left.0.cmp(right.0))?;
    value(service, keys.raw_service)
}

fn set_status(container: Entity<'_>, keys: &Keys) {
    let state = attribute(container, keys.raw_container_state);
    let status = match state {
        Some("running") => "Running",
        Some("waiting") => "Waiting",
        Some("terminated") => "Terminated",
        _ => "",
    };
    if !status.is_empty() {
        container.set_attribute(keys.container_status, status);
    }
    if matches!(state, Some("waiting" | "terminated")) {
        copy_text(container, keys.raw_container_state_reason, container, keys.container_status_reason);
    }
    let last = keys.raw_last_termination_reason;
    copy_text(container, last, container, keys.container_last_termination_reason);
}

/// Sets on the pod why its last ended container did so. A sidecar's reason is used only if no main container has one: when a
/// pod ends, its sidecars are killed after the main containers, which says nothing about the cause.
fn reason_of_ended(container: Entity<'_>, pod: Entity<'_>, keys: &Keys) {
    let counts = match attribute(container, keys.raw_container_kind) {
        Some("main") | None => true,
        Some("sidecar") => attribute(pod, keys.container_status_reason).is_none(),
        Some(_) => false,
    };
    if counts
        && attribute(pod, keys.kind).is_some()
        && attribute(container, keys.raw_container_state) == Some("terminated")
    {
        copy_text(container, keys.raw_container_state_reason, pod, keys.container_status_reason);
    }
}

/// Sets the device of a container layer, which the kubelet does not report. Its numbers come from one `statfs`, so the layer
/// is on the node's file system of equal size and number of inodes, if exactly one has them.
fn set_device(layer: Entity<'_>, disks: &[Disk<'_>], keys: &Keys) {
    let (capacity, inodes) = size(layer);
    let mut same = disks.iter().filter(|disk| {
        let same_inodes = inodes.is_none() || disk.inodes.is_none() || disk.inodes == inodes;
        capacity.is_some() && disk.capacity == capacity && same_inodes
    });
    match (same.next(), same.next()) {
        (Some(disk), None) => {
            copy(disk.entity, keys.device, layer, keys.device);
            set_fstype(layer, disk.entity, keys);
            set_volume(layer, disk.entity, false, keys);
        }
        _ => set_fstype(layer, layer, keys),
    }
}
