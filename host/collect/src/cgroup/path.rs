//! Parses the path of a cgroup into pod and container.
//!
//! | driver | pod | container |
//! |---|---|---|
//! | cgroupfs | `kubepods[/QOS]/pod<uid>` | `<64 hex>`, `crio-<64 hex>` |
//! | systemd | `kubepods.slice[/kubepods-QOS.slice]/kubepods[-QOS]-pod<uid_>.slice` | `RUNTIME-<64 hex>.scope` |
//!
//! A `--cgroup-root` or a kubelet inside a container adds parent directories and, with systemd, their names as a prefix of
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

/// Role of one directory of a cgroup tree, from its own name and its parent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirKind<'a> {
    /// Parent of the pods of a kubelet: `kubepods`, `kubepods.slice`, `…-kubepods.slice`.
    Kubepods,
    /// A QoS class directory below `Kubepods`.
    QosClass,
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
    /// QoS class of the pod.
    pub qos: Qos,
}

impl PodName<'_> {
    /// Returns the uid with its dashes. Static pods have 32 hex digits without any.
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

/// Returns the role of the directory `name` inside the directory `parent`.
pub fn dir_kind<'a>(parent: &str, name: &'a str) -> DirKind<'a> {
    if name == "kubepods" || name.strip_suffix(".slice").is_some_and(|slice| is_kubepods(slice, "kubepods")) {
        return DirKind::Kubepods;
    }
    if parent == "kubepods" && matches!(name, "burstable" | "besteffort") {
        return DirKind::QosClass;
    }
    if let Some(slice) = name.strip_suffix(".slice") {
        let class = is_kubepods(slice, "kubepods-burstable") || is_kubepods(slice, "kubepods-besteffort");
        return if class { DirKind::QosClass } else { slice_pod(slice).map_or(DirKind::Other, DirKind::Pod) };
    }
    let qos = match parent {
        "kubepods" => Qos::Guaranteed,
        "burstable" => Qos::Burstable,
        "besteffort" => Qos::BestEffort,
        _ => return DirKind::Other,
    };
    match name.strip_prefix("pod").filter(|uid| is_uid(uid)) {
        Some(raw_uid) => DirKind::Pod(PodName { raw_uid, underscores: false, qos }),
        None => DirKind::Other,
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
    Some(PodName { raw_uid, underscores: true, qos })
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
    let parent = parts.next()?;
    if let DirKind::Pod(pod) = dir_kind(parent, last) {
        return Some(Role::Pod(pod));
    }
    match dir_kind(parts.next()?, parent) {
        DirKind::Pod(pod) => container(last).map(|container| Role::Container(pod, container)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
