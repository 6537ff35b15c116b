use proptest::prelude::*;

use super::*;

const ID: &str = "3eff94936921c4de5f4ccdd0d67333983ead8d61207da744c5fe839d2eb19787";
const UID: &str = "86cf2660-2f85-4de8-b937-cadccd0b0183";
const UNDERSCORED: &str = "86cf2660_2f85_4de8_b937_cadccd0b0183";
const STATIC: &str = "e6b94935e8824ff263304c72ae83e780";

/// Returns the QoS class of a pod, or `task`.
fn class(pod: &PodName<'_>) -> &'static str {
    match pod.kind {
        PodKind::Pod(qos) => qos.unwrap().as_str(),
        PodKind::Task => "task",
    }
}

fn pod(path: &str) -> Option<(String, &'static str)> {
    match role(path) {
        Some(Role::Pod(pod)) => Some((pod.uid(), class(&pod))),
        _ => None,
    }
}

fn of_container(path: &str) -> Option<(String, &'static str, &str, Option<&'static str>)> {
    match role(path) {
        Some(Role::Container(pod, container)) => {
            Some((pod.uid(), class(&pod), container.id, container.runtime))
        }
        _ => None,
    }
}

#[test]
fn pods_of_both_cgroup_drivers_are_parsed() {
    let is = |path: String, uid: &str, qos: &'static str| {
        assert_eq!(pod(&path), Some((uid.to_owned(), qos)), "{path}");
        // a cgroup root, a kubelet in a container
        assert_eq!(pod(&format!("/docker/{ID}/kubelet/{path}")), Some((uid.to_owned(), qos)), "{path}");
    };
    is(format!("kubepods/pod{UID}"), UID, "guaranteed");
    is(format!("kubepods/burstable/pod{UID}"), UID, "burstable");
    is(format!("kubepods/besteffort/pod{STATIC}"), STATIC, "besteffort");
    is(format!("kubepods.slice/kubepods-pod{UNDERSCORED}.slice"), UID, "guaranteed");
    is(
        format!("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDERSCORED}.slice"),
        UID,
        "burstable",
    );
    is(
        format!("kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{STATIC}.slice"),
        STATIC,
        "besteffort",
    );
    is(
        format!(
            "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod{UNDERSCORED}.slice"
        ),
        UID,
        "burstable",
    );
    is(
        format!("a.slice/a-b.slice/a-b-kubepods.slice/a-b-kubepods-pod{UNDERSCORED}.slice"),
        UID,
        "guaranteed",
    );
}

#[test]
fn containers_of_all_runtimes_are_parsed() {
    let slice = format!("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDERSCORED}.slice");
    let plain = format!("kubepods/burstable/pod{UID}");
    for (directory, leaf, runtime) in [
        (&plain, ID.to_owned(), None),
        (&plain, format!("crio-{ID}"), Some("cri-o")),
        (&slice, format!("cri-containerd-{ID}.scope"), Some("containerd")),
        (&slice, format!("crio-{ID}.scope"), Some("cri-o")),
        (&slice, format!("docker-{ID}.scope"), Some("docker")),
        (&slice, format!("other-{ID}.scope"), None),
    ] {
        let path = format!("{directory}/{leaf}");
        assert_eq!(of_container(&path), Some((UID.to_owned(), "burstable", ID, runtime)), "{path}");
        assert_eq!(role(&format!("{path}/init.scope")), None, "what lies in a container is none");
    }
}

#[test]
fn names_of_other_cgroups_are_not_containers() {
    for leaf in [
        format!("crio-conmon-{ID}.scope"),
        format!("libpod-conmon-{ID}.scope"),
        format!("run-containerd-{ID}.mount"),
        format!("{ID}a"),
        ID[1..].to_owned(),
        ID.to_uppercase(),
        "kata_overhead".to_owned(),
        "system.slice".to_owned(),
        String::new(),
    ] {
        assert_eq!(container(&leaf), None, "{leaf}");
    }
}

#[test]
fn names_of_other_cgroups_are_not_pods() {
    for path in [
        "",
        "/",
        "kubepods",
        "kubepods/burstable",
        "kubepods/pod",
        "system.slice/kubelet.service",
        "system.slice/pod1234",
        "burstable.slice",
        "kubepods.slice/kubepods-burstable.slice",
        "kubepods.slice/kubepods-burstable-pod.slice",
        "kubepods.slice/otherkubepods-podabc.slice",
        "kubepods/burstable/podü",
        "machine.slice/mykubepods.slice/x-podabc.slice",
    ] {
        assert_eq!(role(path), None, "{path}");
    }
    assert_eq!(role(&format!("user.slice/{ID}")), None, "a container outside of pods");
}

#[test]
fn tops() {
    for (parent, name) in
        [("", "kubepods"), ("kubelet", "kubepods"), ("", "kubepods.slice"), ("a.slice", "a-kubepods.slice")]
    {
        assert_eq!(dir_kind(parent, name), DirKind::Top, "{name}");
    }
    for name in ["kubepods2", "akubepods.slice", "kubepods.service", "kubepods-x.slice"] {
        assert_eq!(dir_kind("", name), DirKind::Other, "{name}");
    }
    assert_eq!(dir_kind("kubepods", "burstable"), DirKind::Class);
    assert_eq!(dir_kind("x", "burstable"), DirKind::Other);
    assert_eq!(dir_kind("kubepods.slice", "kubepods-besteffort.slice"), DirKind::Class);
}

proptest! {
    #[test]
    fn no_path_makes_it_panic(path in "\\PC{0,200}") {
        let _ = role(&path);
    }

    #[test]
    fn uids_come_back(parts in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", front in "([a-z]{1,5}-){0,3}") {
        let slice = format!("{front}kubepods-burstable-pod{}.slice", parts.replace('-', "_"));
        prop_assert_eq!(pod(&format!("x/{slice}")), Some((parts.clone(), "burstable")));
        prop_assert_eq!(pod(&format!("{front}/kubepods/besteffort/pod{parts}")), Some((parts, "besteffort")));
    }
}

#[test]
fn paths_used_as_names_are_parsed() {
    let found = |name: &str| {
        stray(name)
            .map(|(pod, container)| (pod.uid(), class(&pod), container.id.to_owned(), container.runtime))
    };
    let id = "0123456789abcdef".repeat(4);
    let uid = "11111111-2222-3333-4444-555555555555".to_owned();
    let slice = "kubepods-burstable-pod11111111_2222_3333_4444_555555555555.slice";
    let expected = |runtime| Some((uid.clone(), "burstable", id.clone(), runtime));
    assert_eq!(found(&format!("{slice}:cri-containerd:{id}")), expected(Some("containerd")));
    assert_eq!(found(&format!("{slice}:crio:{id}")), expected(Some("cri-o")));
    assert_eq!(found(&format!("{slice}:other:{id}")), expected(None));
    for other in [
        format!("{slice}:crio:{id}:x"),
        format!("{slice}:{id}"),
        format!("system.slice:crio:{id}"),
        format!("{slice}:crio:crio-{id}"),
        format!("{slice}:crio:{}", &id[1..]),
        slice.to_owned(),
        id.clone(),
        String::new(),
    ] {
        assert_eq!(found(&other), None, "{other}");
    }
    let path = format!("/system.slice/containerd.service/{slice}:cri-containerd:{id}");
    assert!(
        matches!(role(&path), Some(Role::Container(pod, container)) if pod.uid() == uid && container.id == id)
    );
}

const TASK: &str = "158d1c8083dd49d6b527399fd6414f5c";
const OLD_TASK: &str = "0e7a51c9-0c1c-4a80-a7ae-2d0bbb0e9d44";

#[test]
fn tasks_of_ecs_are_parsed() {
    for path in [
        format!("ecs/{TASK}"),
        format!("/ecs/demo-cluster/{TASK}"),
        format!("ecstasks.slice/ecstasks-{TASK}.slice"),
    ] {
        assert_eq!(pod(&path), Some((TASK.to_owned(), "task")), "{path}");
        let runtime = if path.contains("slice") { Some("docker") } else { None };
        let name = if path.contains("slice") { format!("docker-{ID}.scope") } else { ID.to_owned() };
        let expected = Some((TASK.to_owned(), "task", ID, runtime));
        assert_eq!(of_container(&format!("{path}/{name}")), expected, "{path}");
    }
    assert_eq!(pod(&format!("ecs/{OLD_TASK}")), Some((OLD_TASK.to_owned(), "task")));
    assert_eq!(pod(&format!("ecs/demo/{OLD_TASK}")), Some((OLD_TASK.to_owned(), "task")));
}

#[test]
fn paths_from_the_agents_own_cgroup_are_parsed() {
    let scope = format!("docker-{ID}.scope");
    let task = Some((TASK.to_owned(), "task", ID, Some("docker")));
    assert_eq!(of_container(&format!("/../../ecstasks-{TASK}.slice/{scope}")), task);
    assert_eq!(of_container(&format!("/../../{TASK}/{ID}")), Some((TASK.to_owned(), "task", ID, None)));
    // the class is not in the path
    let path = format!("/../../pod{UID}/{ID}");
    let Some(Role::Container(pod, container)) = role(&path) else { panic!("no container in {path}") };
    assert_eq!((pod.uid(), pod.kind, container.id), (UID.to_owned(), PodKind::Pod(None), ID));
    let slice = format!("/../../kubepods-burstable-pod{UNDERSCORED}.slice/cri-containerd-{ID}.scope");
    assert_eq!(of_container(&slice), Some((UID.to_owned(), "burstable", ID, Some("containerd"))));
    assert_eq!(role(&format!("/../{scope}")), None, "a container of the agent's own pod");
    assert_eq!(role("/../../init.scope"), None);
}

#[test]
fn directories_beside_tasks_are_not_tasks() {
    for path in [
        "ecs".to_owned(),
        "ecs/demo".to_owned(),
        format!("ecs/{TASK}0"),
        format!("ecs/{}", TASK.to_uppercase()),
        format!("ecs/{}", OLD_TASK.replace('-', "_")),
        format!("ecs/a/b/{TASK}"),
        format!("other/{TASK}"),
        format!("ecstasks.slice/{TASK}.slice"),
        format!("ecstasks.slice/ecstasks-{TASK}"),
        format!("system.slice/ecstasks-{TASK}.slice"),
        format!("docker/{ID}"),
    ] {
        assert_eq!(role(&path), None, "{path}");
    }
    assert_eq!(dir_kind("", "ecs"), DirKind::Top);
    assert_eq!(dir_kind("", "ecstasks.slice"), DirKind::Top);
    assert_eq!(dir_kind("docker", "ecs"), DirKind::Top, "an agent in a container");
    assert_eq!(dir_kind("ecs", "ecs"), DirKind::Class, "a cluster of that name");
    assert_eq!(dir_kind("ecs", "demo"), DirKind::Class);
    assert_eq!(in_class("ecs", "demo", TASK).map(|task| task.uid()).as_deref(), Some(TASK));
    assert_eq!(in_class("kubepods", "burstable", TASK), None);
}
