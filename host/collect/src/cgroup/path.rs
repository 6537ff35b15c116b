//! Parses the path of a cgroup into pod and container.
//!
//! | orchestrator, driver | pod | container |
//! |---|---|---|
//! | Kubernetes, cgroupfs | `kubepods[/QOS]/pod<uid>` | `<64 hex>`, `crio-<64 hex>` |
//! | Kubernetes, systemd | `kubepods.slice[/kubepods-QOS.slice]/kubepods[-QOS]-pod<uid_>.slice` | `RUNTIME-<64 hex>.scope` |
//! | ECS, cgroupfs | `ecs[/CLUSTER]/<task id>` | `<64 hex>` |
//! | ECS, systemd | `ecstasks.slice/ecstasks-<task id>.slice` | `docker-<64 hex>.scope` |
//!
//! The cgroup of an ECS task is to its containers what that of a pod is to its own, so a task counts as a pod here.
//!
//! In Kubernetes, a `--cgroup-root` or a kubelet inside a container adds parent directories and, with systemd, their names as a prefix of
//! every slice (`kubelet-kubepods-burstable-pod….slice`). Systemd separates levels by dashes, so the dashes of a uid are
//! underscores there.

/// Quality of service class of a pod, from its position in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Qos {
    /// Every container has limits equal to its requests.
    Guaranteed,
    /// All other combinations.
    Burstable,
    /// No container has requests or limits.
    BestEffort,
}

impl Qos {
    /// Returns the value of attribute `pod.qos`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guaranteed => "guaranteed",
            Self::Burstable => "burstable",
            Self::BestEffort => "besteffort",
        }
    }
}

/// The orchestrator that a group of containers belongs to, and its term for such a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PodKind {
    /// A pod of Kubernetes, and its quality of service class if the path has it.
    Pod(Option<Qos>),
    /// A task of ECS.
    Task,
}

impl PodKind {
    /// Returns the value of attribute `cgroup.role`.
    pub fn role(self) -> &'static str {
        match self {
            Self::Pod(_) => "pod",
            Self::Task => "task",
        }
    }

    /// Returns the attribute for the id.
    pub fn id_attribute(self) -> &'static str {
        match self {
            Self::Pod(_) => "pod.uid",
            Self::Task => "task.id",
        }
    }
}

/// Role of one directory of a cgroup tree, from its own name and its parent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirKind<'a> {
    /// Parent of the pods of a kubelet, or of the tasks of ECS: `kubepods`, `kubepods.slice`, `…-kubepods.slice`, `ecs`,
    /// `ecstasks.slice`.
    Top,
    /// A QoS class directory of Kubernetes, or a directory of a cluster that older agents of ECS create, below `Top`.
    Class,
    /// The directory of a pod.
    Pod(PodName<'a>),
    /// Any other directory.
    Other,
}

/// Parsed name of a pod's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodName<'a> {
    raw_uid: &'a str,
    underscores: bool,
    /// The orchestrator's term for it.
    pub kind: PodKind,
}

impl PodName<'_> {
    /// Returns the uid of a pod with its dashes (static pods have 32 hex digits without any), or the id of a task.
    pub fn uid(&self) -> String {
        if self.underscores { self.raw_uid.replace('_', "-") } else { self.raw_uid.to_owned() }
    }
}

/// Parsed name of a container's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerName<'a> {
    /// Container id, 64 hex digits.
    pub id: &'a str,
    /// `containerd`, `cri-o` or `docker`, if the name has it: with the cgroupfs driver most do not.
    pub runtime: Option<&'static str>,
}

/// Top directory of the tasks of ECS, and with systemd.
const ECS: &str = "ecs";
const ECS_SLICE: &str = "ecstasks.slice";

/// Returns the role of the directory `name` inside the directory `parent`.
///
/// For a directory below [`DirKind::Class`], see [`in_class`].
pub fn dir_kind<'a>(parent: &str, name: &'a str) -> DirKind<'a> {
    match (parent, name) {
        (ECS, _) => return task(name).map_or(DirKind::Class, DirKind::Pod),
        (ECS_SLICE, _) => return slice_task(name).map_or(DirKind::Other, DirKind::Pod),
        (_, ECS | ECS_SLICE) => return DirKind::Top,
        _ => {}
    }
    if name == "kubepods" || name.strip_suffix(".slice").is_some_and(|slice| is_kubepods(slice, "kubepods")) {
        return DirKind::Top;
    }
    if parent == "kubepods" && matches!(name, "burstable" | "besteffort") {
        return DirKind::Class;
    }
    if let Some(slice) = name.strip_suffix(".slice") {
        let class = is_kubepods(slice, "kubepods-burstable") || is_kubepods(slice, "kubepods-besteffort");
        return if class { DirKind::Class } else { slice_pod(slice).map_or(DirKind::Other, DirKind::Pod) };
    }
    let qos = match parent {
        "kubepods" => Qos::Guaranteed,
        "burstable" => Qos::Burstable,
        "besteffort" => Qos::BestEffort,
        _ => return DirKind::Other,
    };
    match name.strip_prefix("pod").filter(|uid| is_uid(uid)) {
        Some(raw_uid) => DirKind::Pod(PodName { raw_uid, underscores: false, kind: PodKind::Pod(Some(qos)) }),
        None => DirKind::Other,
    }
}

/// Returns the pod with the directory `name` inside the directory `class` of the directory `top`.
pub fn in_class<'a>(top: &str, class: &str, name: &'a str) -> Option<PodName<'a>> {
    if top == ECS {
        return task(name);
    }
    match dir_kind(class, name) {
        DirKind::Pod(pod) => Some(pod),
        _ => None,
    }
}

/// Parses the name of a task's directory.
fn task(name: &str) -> Option<PodName<'_>> {
    is_task_id(name).then_some(PodName { raw_uid: name, underscores: false, kind: PodKind::Task })
}

/// Parses the name of a task's slice.
fn slice_task(name: &str) -> Option<PodName<'_>> {
    task(name.strip_prefix("ecstasks-")?.strip_suffix(".slice")?)
}

/// Returns true for an id of an ECS task: 32 hex digits, or a UUID as before 2019.
fn is_task_id(text: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match text.len() {
        32 => text.bytes().all(is_hex),
        36 => text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => is_hex(byte),
        }),
        _ => false,
    }
}

/// Returns true if `slice` equals `wanted`, optionally prefixed by the slices of a cgroup root.
fn is_kubepods(slice: &str, wanted: &str) -> bool {
    slice.strip_suffix(wanted).is_some_and(|front| front.is_empty() || front.ends_with('-'))
}

fn slice_pod(slice: &str) -> Option<PodName<'_>> {
    // a uid has no dashes here, so the last one precedes `pod`
    let (front, last) = slice.rsplit_once('-')?;
    let raw_uid = last.strip_prefix("pod").filter(|uid| is_uid(uid))?;
    let classes = [
        ("kubepods", Qos::Guaranteed),
        ("kubepods-burstable", Qos::Burstable),
        ("kubepods-besteffort", Qos::BestEffort),
    ];
    let (_, qos) = classes.into_iter().find(|(wanted, _)| is_kubepods(front, wanted))?;
    Some(PodName { raw_uid, underscores: true, kind: PodKind::Pod(Some(qos)) })
}

/// Returns true for a valid uid. The API server creates UUIDs, the kubelet hashes for static pods; a static pod may set any uid itself.
fn is_uid(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Parses the directory `name` inside the directory of a pod. Returns `None` if it is not a container (a runtime's monitor
/// such as `crio-conmon-…`, `*.mount`, the own cgroup of a virtual machine runtime).
pub fn container(name: &str) -> Option<ContainerName<'_>> {
    let base = name.strip_suffix(".scope").unwrap_or(name);
    let (front, id) = match base.len().checked_sub(64) {
        Some(at) if base.is_char_boundary(at) => base.split_at(at),
        _ => return None,
    };
    if !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let runtime = match front.strip_suffix('-') {
        Some(prefix) if prefix.contains("conmon") => return None,
        Some(prefix) => runtime_of(prefix),
        None if front.is_empty() => None,
        None => return None,
    };
    Some(ContainerName { id, runtime })
}

fn runtime_of(prefix: &str) -> Option<&'static str> {
    match prefix {
        "cri-containerd" => Some("containerd"),
        "crio" => Some("cri-o"),
        "docker" => Some("docker"),
        _ => None,
    }
}

/// Parses a name of the form `SLICE:RUNTIME:ID` outside all pods. The kubelet passes such paths to a runtime that leaves
/// cgroups to systemd; a runtime that creates cgroups itself uses the path as a name below its own service.
pub(crate) fn stray(name: &str) -> Option<(PodName<'_>, ContainerName<'_>)> {
    let mut parts = name.split(':');
    let (slice, runtime, id) = (parts.next()?, parts.next()?, parts.next()?);
    let pod = slice_pod(slice.strip_suffix(".slice")?)?;
    let container = container(id).filter(|container| container.id == id && parts.next().is_none())?;
    Some((pod, ContainerName { runtime: runtime_of(runtime), ..container }))
}

/// Role of a whole path, parsed from its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role<'a> {
    /// The path of a pod.
    Pod(PodName<'a>),
    /// The path of a container of that pod.
    Container(PodName<'a>, ContainerName<'a>),
}

/// Returns the role of a path below the root of a hierarchy, `None` if it belongs to neither a pod nor a container.
pub fn role(path: &str) -> Option<Role<'_>> {
    let mut parts = path.rsplit('/').filter(|part| !part.is_empty());
    let last = parts.next()?;
    if let Some((pod, container)) = stray(last) {
        return Some(Role::Container(pod, container));
    }
    let above = [parts.next()?, parts.next().unwrap_or_default(), parts.next().unwrap_or_default()];
    if let Some(pod) = pod_below([above[0], above[1]], last) {
        return Some(Role::Pod(pod));
    }
    let pod = pod_below([above[1], above[2]], above[0])?;
    container(last).map(|container| Role::Container(pod, container))
}

/// Parses the directory `name` of a pod below its parent and the parent's parent.
fn pod_below<'a>([parent, top]: [&str; 2], name: &'a str) -> Option<PodName<'a>> {
    match dir_kind(parent, name) {
        DirKind::Pod(pod) => Some(pod),
        _ if parent == ".." => beside(name),
        _ => in_class(top, parent, name).filter(|pod| pod.kind == PodKind::Task),
    }
}

/// Parses the name of a pod beside the agent's own. In a cgroup namespace of its own, the agent sees the paths of other
/// processes from its own cgroup: `/../../podUID/…`, without the directories that both are in.
fn beside(name: &str) -> Option<PodName<'_>> {
    let pod = || {
        let raw_uid = name.strip_prefix("pod").filter(|uid| is_uid(uid))?;
        Some(PodName { raw_uid, underscores: false, kind: PodKind::Pod(None) })
    };
    slice_task(name).or_else(|| task(name)).or_else(pod)
}

#[cfg(test)]
mod tests;
