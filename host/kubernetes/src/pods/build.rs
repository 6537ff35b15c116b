//! Builds a pod from its borrowed fields.

use std::collections::HashMap;

use crate::item::{Item, Notes, subject};
use crate::text::{List, Object, Pairs, elements, non_empty};

use super::resize::{Reported, is_infeasible};
use super::{
    Amounts, Container, ContainerKind, ContainerState, MAX_ENTRIES, MetadataFilter, Owner, Pod, Texts, wire,
};

/// Annotation that the kubelet sets on pods from its manifest directory, and on their mirrors in the API server.
const CONFIG_HASH: &str = "kubernetes.io/config.hash";

impl Item for Pod {
    type Wire<'a> = wire::Pod<'a>;
    type Options = MetadataFilter;
    const NAMED_BY: &'static str = "/metadata";

    fn build(wire: wire::Pod<'_>, filter: &MetadataFilter, notes: &mut Notes<'_>) -> Option<Self> {
        let Some(metadata) = wire.metadata else {
            notes.lost("metadata", "absent");
            return None;
        };
        if let Some(subject) = subject(&metadata.namespace, &metadata.name) {
            notes.subject = subject;
        }
        let mut needed = |value: &Option<_>, path: &str| {
            let text = non_empty(value).map(Box::from);
            if text.is_none() {
                notes.lost(path, "absent or empty, but required to identify the pod");
            }
            text
        };
        let uid = needed(&metadata.uid, "metadata.uid")?;
        let name = needed(&metadata.name, "metadata.name")?;
        let namespace = needed(&metadata.namespace, "metadata.namespace")?;

        let nothing = Pairs::default();
        let (labels, labels_left_out) = filter.labels(metadata.labels.as_ref().unwrap_or(&nothing));
        let all = metadata.annotations.as_ref().unwrap_or(&nothing);
        let (annotations, annotations_left_out) = filter.annotations(all);

        let mut pod = Pod {
            uid,
            name,
            namespace,
            labels,
            labels_left_out,
            annotations,
            annotations_left_out,
            config_hash: all.get(CONFIG_HASH).filter(|hash| !hash.is_empty()).map(Box::from),
            owners: owners(&metadata.owner_references),
            ..Pod::default()
        };
        if let Some(status) = &wire.status {
            pod.phase = non_empty(&status.phase).map(Box::from);
            pod.qos = non_empty(&status.qos_class).map(Box::from);
            pod.ip = non_empty(&status.pod_ip).map(Box::from);
            pod.start_unix_ms = status.start_time.map(|time| time.0);
            pod.conditions = conditions(&status.conditions);
        }
        if let Some(spec) = &wire.spec {
            pod.host_network = spec.host_network.unwrap_or(false);
            pod.overhead = amounts(spec.overhead);
            pod.requests = amounts(spec.resources.and_then(|resources| resources.requests));
            pod.limits = amounts(spec.resources.and_then(|resources| resources.limits));
        }
        if let Some(status) = &wire.status {
            let reported = Reported {
                resources: status.resources,
                allocated: status.allocated_resources,
                infeasible: is_infeasible(status),
            };
            pod.requests = reported.requests(pod.requests);
            pod.limits = reported.limits(pod.limits);
        }
        pod.containers = containers(wire.spec.as_deref(), wire.status.as_deref(), notes);
        Some(pod)
    }
}

fn owners(references: &Option<List<Object<wire::Owner<'_>>>>) -> Vec<Owner> {
    elements(references)
        .filter_map(|owner| {
            Some(Owner { kind: non_empty(&owner.kind)?.into(), name: non_empty(&owner.name)?.into() })
        })
        .take(MAX_ENTRIES)
        .collect()
}

fn conditions(conditions: &Option<List<Object<wire::Condition<'_>>>>) -> Texts {
    elements(conditions)
        .filter_map(|condition| {
            Some((non_empty(&condition.kind)?.into(), non_empty(&condition.status)?.into()))
        })
        .take(MAX_ENTRIES)
        .collect()
}

pub(super) fn amounts(amounts: Option<Object<wire::Amounts>>) -> Amounts {
    Amounts {
        cpu_millicores: amounts.and_then(|amounts| amounts.cpu?.0),
        memory_bytes: amounts.and_then(|amounts| amounts.memory?.0),
    }
}

type Specs<'w> = Option<&'w Option<List<Object<wire::Container<'w>>>>>;
type Statuses<'w> = Option<&'w Option<List<Object<wire::ContainerStatus<'w>>>>>;

/// Returns the containers of the specification, each with the status of the same name in the list of its kind; then the
/// containers that only have a status, which a kubelet reports for a moment after a pod was changed.
fn containers<'w>(
    spec: Option<&'w wire::Spec<'w>>,
    status: Option<&'w wire::Status<'w>>,
    notes: &mut Notes<'_>,
) -> Vec<Container> {
    let lists: [(ContainerKind, &str, Specs<'w>, Statuses<'w>); 3] = [
        (
            ContainerKind::Main,
            "containers",
            spec.map(|spec| &spec.containers),
            status.map(|status| &status.container_statuses),
        ),
        (
            ContainerKind::Init,
            "initContainers",
            spec.map(|spec| &spec.init_containers),
            status.map(|status| &status.init_container_statuses),
        ),
        (
            ContainerKind::Ephemeral,
            "ephemeralContainers",
            spec.map(|spec| &spec.ephemeral_containers),
            status.map(|status| &status.ephemeral_container_statuses),
        ),
    ];
    let infeasible = status.is_some_and(is_infeasible);
    let mut found: Vec<Container> = Vec::new();
    // The number of containers is limited only by the size of the pod, which allows many thousands.
    let mut indexes: HashMap<&str, usize> = HashMap::new();
    for (kind, field, specs, statuses) in lists {
        let first = found.len();
        for spec in specs.into_iter().flat_map(elements) {
            let Some(name) = non_empty(&spec.name) else {
                notes.field(format!("spec.{field}"), "a container without a name");
                continue;
            };
            if indexes.contains_key(name) {
                notes.field(
                    format!("spec.{field}"),
                    format_args!("another container has the same name {name:?}"),
                );
                continue;
            }
            indexes.insert(name, found.len());
            let always = non_empty(&spec.restart_policy) == Some("Always");
            let kind = if kind == ContainerKind::Init && always { ContainerKind::Sidecar } else { kind };
            let mut container = nameless(kind);
            container.name = name.into();
            container.image = non_empty(&spec.image).map(Box::from);
            container.requests = amounts(spec.resources.and_then(|resources| resources.requests));
            let limits = spec.resources.and_then(|resources| resources.limits);
            container.limits = amounts(limits);
            container.ephemeral_storage_limit_bytes = limits.and_then(|limits| limits.ephemeral_storage?.0);
            found.push(container);
        }
        for status in statuses.into_iter().flat_map(elements) {
            let Some(name) = non_empty(&status.name) else { continue };
            let at = *indexes.entry(name).or_insert(found.len());
            if at == found.len() {
                found.push(Container { name: name.into(), ..nameless(kind) });
            }
            // A status in the list of another kind belongs to another container.
            if at >= first {
                take_status(&mut found[at], status, infeasible);
            }
        }
    }
    found
}

fn nameless(kind: ContainerKind) -> Container {
    Container {
        name: Box::default(),
        kind,
        image: None,
        runtime: None,
        id: None,
        state: None,
        started_unix_ms: None,
        last_termination_reason: None,
        restarts: None,
        requests: Amounts::default(),
        limits: Amounts::default(),
        ephemeral_storage_limit_bytes: None,
    }
}

fn take_status(container: &mut Container, status: &wire::ContainerStatus<'_>, infeasible: bool) {
    let reported =
        Reported { resources: status.resources, allocated: status.allocated_resources, infeasible };
    container.requests = reported.requests(container.requests);
    container.limits = reported.limits(container.limits);
    if container.image.is_none() {
        container.image = non_empty(&status.image).map(Box::from);
    }
    if let Some(id) = non_empty(&status.container_id) {
        let (runtime, id) = id.split_once("://").map_or((None, id), |(runtime, id)| (Some(runtime), id));
        container.runtime = runtime.filter(|runtime| !runtime.is_empty()).map(Box::from);
        container.id = Some(id).filter(|id| !id.is_empty()).map(Box::from);
    }
    container.state = status.state.as_deref().map(state);
    container.started_unix_ms =
        status.state.as_ref().and_then(|state| state.running.as_ref()?.started_at).map(|time| time.0);
    container.last_termination_reason =
        status.last_state.as_ref().and_then(|last| reason(last.terminated.as_deref()?));
    container.restarts = status.restart_count;
}

fn state(state: &wire::State<'_>) -> ContainerState {
    if state.running.is_some() {
        ContainerState::Running
    } else if let (None, Some(terminated)) = (&state.waiting, &state.terminated) {
        ContainerState::Terminated(reason(terminated))
    } else {
        ContainerState::Waiting(state.waiting.as_deref().and_then(reason))
    }
}

fn reason(stopped: &wire::Stopped<'_>) -> Option<Box<str>> {
    non_empty(&stopped.reason).map(Box::from)
}
