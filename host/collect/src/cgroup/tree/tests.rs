use std::path::Path;

use super::search::SEARCH_NS;
use super::*;

const ID: &str = "3eff94936921c4de5f4ccdd0d67333983ead8d61207da744c5fe839d2eb19787";

fn make(top: &Path, directories: &[&str]) {
    for directory in directories {
        std::fs::create_dir_all(top.join("cg").join(directory)).unwrap();
    }
}

/// Returns the paths of pods, with the names of their containers.
fn list(tree: &mut Tree, root: &HostRoot, now_ns: u64) -> Vec<(String, Vec<String>)> {
    let dir = root.dir("/cg").unwrap();
    let walked = WalkedHierarchy { root, point: "/cg", dir: &dir };
    let mut problems = Problems::default();
    tree.update(walked, now_ns, &Expected::default(), &mut problems);
    assert_eq!(problems.listed, []);
    tree.pods
        .iter_mut()
        .map(|pod| {
            pod.list(walked, &dir.dir(&pod.cgroup.path).unwrap(), now_ns).unwrap();
            let names = pod.containers.iter().map(|container| name(&container.cgroup));
            (pod.cgroup.path.clone(), names.collect())
        })
        .collect()
}

fn paths(tree: &mut Tree, root: &HostRoot, now_ns: u64) -> Vec<String> {
    list(tree, root, now_ns).into_iter().map(|(path, _)| path).collect()
}

#[test]
fn pods_are_found_at_any_place_in_the_hierarchy() {
    let top = tempfile::tempdir().unwrap();
    let nested = format!("docker/{ID}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podnested.slice");
    make(
        top.path(),
        &[
            "system.slice/x.service",
            "kubepods/poda",
            "kubepods/burstable/podb",
            "kubepods/besteffort/podc",
            "kubepods/other",
            &nested,
            // pods of a kubelet inside a pod are not the node's
            &format!("kubepods/poda/{ID}/kubepods/podinner"),
            &format!("kubepods/burstable/podb/crio-conmon-{ID}.scope"),
            &format!("kubepods/burstable/podb/crio-{ID}"),
        ],
    );
    let root = HostRoot::open(top.path()).unwrap();
    let found = list(&mut Tree::default(), &root, 0);
    let expected = [
        (nested, vec![]),
        ("kubepods/besteffort/podc".to_owned(), vec![]),
        ("kubepods/burstable/podb".to_owned(), vec![format!("crio-{ID}")]),
        ("kubepods/poda".to_owned(), vec![ID.to_owned()]),
    ];
    assert_eq!(found, expected);
}

#[test]
fn created_and_removed_cgroups_are_followed() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &["kubepods/burstable/poda", "kubepods/burstable/podb"]);
    let root = HostRoot::open(top.path()).unwrap();
    let mut tree = Tree::default();
    assert_eq!(paths(&mut tree, &root, 0), ["kubepods/burstable/poda", "kubepods/burstable/podb"]);
    std::fs::remove_dir(top.path().join("cg/kubepods/burstable/poda")).unwrap();
    make(top.path(), &["kubepods/burstable/pod0", "kubepods/podz", "kubepods/burstable/podb/x"]);
    tree.pods[1].cgroup.bounds_age = 7;
    let now = paths(&mut tree, &root, 1);
    assert_eq!(now, ["kubepods/burstable/pod0", "kubepods/burstable/podb", "kubepods/podz"]);
    assert_eq!(tree.pods[1].cgroup.bounds_age, 7, "the state stays with its pod");
}

#[test]
fn a_new_inode_is_a_new_cgroup() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &["kubepods/poda"]);
    let root = HostRoot::open(top.path()).unwrap();
    let mut tree = Tree::default();
    paths(&mut tree, &root, 0);
    let before = tree.pods[0].cgroup.inode;
    tree.pods[0].cgroup.cached = Some(CachedFacts::default());
    paths(&mut tree, &root, 1);
    assert!(tree.pods[0].cgroup.cached.is_some());
    let pod = top.path().join("cg/kubepods/poda");
    // another directory in between keeps the file system from reusing the inode number
    std::fs::rename(&pod, top.path().join("cg/gone")).unwrap();
    std::fs::create_dir(&pod).unwrap();
    paths(&mut tree, &root, 2);
    assert_ne!(tree.pods[0].cgroup.inode, before);
    assert!(tree.pods[0].cgroup.cached.is_none());
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_second_top_directory_is_found_by_the_next_search() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &["system.slice"]);
    let root = HostRoot::open(top.path()).unwrap();
    let mut tree = Tree::default();
    assert_eq!(paths(&mut tree, &root, 0), [""; 0]);
    make(top.path(), &["kubepods/poda"]);
    assert_eq!(paths(&mut tree, &root, 1), ["kubepods/poda"], "the usual place is looked at every tick");
    make(top.path(), &["late/kubepods/podb"]);
    assert_eq!(paths(&mut tree, &root, 2), ["kubepods/poda"]);
    assert_eq!(paths(&mut tree, &root, SEARCH_NS + 2), ["kubepods/poda", "late/kubepods/podb"]);
}

#[test]
fn searches_without_result_back_off() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &["a"]);
    let root = HostRoot::open(top.path()).unwrap();
    let mut tree = Tree::default();
    // pauses of 10, 20, 40, 80, 160 s, then 300 s
    for searched in [0, 10, 30, 70, 150, 310, 610] {
        assert_eq!(paths(&mut tree, &root, searched * SECOND), [""; 0]);
    }
    make(top.path(), &["a/b/kubepods/podx"]);
    assert_eq!(paths(&mut tree, &root, 909 * SECOND), [""; 0], "not due");
    assert_eq!(paths(&mut tree, &root, 910 * SECOND), ["a/b/kubepods/podx"]);
    // another top directory after that one is gone: the next search is soon
    std::fs::rename(top.path().join("cg/a/b/kubepods"), top.path().join("cg/a/kubepods")).unwrap();
    assert_eq!(paths(&mut tree, &root, 911 * SECOND), [""; 0]);
    assert_eq!(paths(&mut tree, &root, 921 * SECOND), ["a/kubepods/podx"]);
    // another clock
    assert_eq!(paths(&mut tree, &root, 5), ["a/kubepods/podx"]);
}

#[test]
fn reaching_a_bound_of_the_search_is_reported() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &["1/2/3/4/5/6/7/8/9/10/11/12"]);
    let root = HostRoot::open(top.path()).unwrap();
    let dir = root.dir("/cg").unwrap();
    let mut problems = Problems::default();
    Tree::default().update(
        WalkedHierarchy { root: &root, point: "/cg", dir: &dir },
        0,
        &Expected::default(),
        &mut problems,
    );
    let [problem] = &problems.listed[..] else { panic!("{problems:?}") };
    assert!(problem.error.contains("skipped 1 directories"), "{}", problem.error);
}

/// Returns the birth time of each pod and container.
fn births(tree: &mut Tree, root: &HostRoot, now_ns: u64) -> Vec<(String, Option<u64>)> {
    list(tree, root, now_ns);
    let cgroups = tree.pods.iter().flat_map(|pod| {
        std::iter::once(&pod.cgroup).chain(pod.containers.iter().map(|container| &container.cgroup))
    });
    cgroups.map(|cgroup| (name(cgroup), cgroup.born_ns)).collect()
}

#[test]
fn a_cgroup_missing_in_the_last_listing_is_new() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &[&format!("kubepods/poda/{ID}")]);
    let root = HostRoot::open(top.path()).unwrap();
    let mut tree = Tree::default();
    let (a, b, id) = ("poda".to_owned(), "podb".to_owned(), ID.to_owned());
    assert_eq!(births(&mut tree, &root, 10), [(a.clone(), None), (id.clone(), None)], "the first tick");
    let other = ID.replace('3', "4");
    make(top.path(), &[&format!("kubepods/poda/{other}"), &format!("kubepods/burstable/podb/{ID}")]);
    let expected = [
        (b.clone(), Some(10)),
        (id.clone(), Some(10)),
        (a.clone(), None),
        (id.clone(), None),
        (other.clone(), Some(10)),
    ];
    assert_eq!(births(&mut tree, &root, 20), expected);
    let settled = births(&mut tree, &root, 30);
    assert!(settled.iter().all(|(_, born_ns)| born_ns.is_none()), "only at first sight: {settled:?}");
    // the same name, another cgroup
    let path = top.path().join("cg/kubepods/poda").join(&other);
    std::fs::rename(&path, top.path().join("gone")).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(births(&mut tree, &root, 40)[4], (other.clone(), Some(30)));
    // another name, the same cgroup
    let renamed = ID.replace('3', "5");
    std::fs::rename(&path, top.path().join("cg/kubepods/poda").join(&renamed)).unwrap();
    assert_eq!(births(&mut tree, &root, 50)[4], (renamed, None));
}

#[test]
fn a_cgroup_not_seen_before_is_not_necessarily_new() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &[&format!("kubepods/poda/{ID}")]);
    let root = HostRoot::open(top.path()).unwrap();
    let mut tree = Tree::default();
    births(&mut tree, &root, 10);
    // a tick at which the pod was beyond a bound: listed, but its containers were not
    let dir = root.dir("/cg").unwrap();
    let walked = WalkedHierarchy { root: &root, point: "/cg", dir: &dir };
    tree.update(walked, 20, &Expected::default(), &mut Problems::default());
    make(top.path(), &[&format!("kubepods/poda/{}", ID.replace('3', "4"))]);
    assert_eq!(births(&mut tree, &root, 30)[2].1, None);
    // the same pod below a root that was found late
    make(top.path(), &[&format!("late/kubepods/poda/{ID}"), "late/kubepods/podlate"]);
    let found = births(&mut tree, &root, SEARCH_NS + 30);
    assert_eq!(found.len(), 6);
    assert!(found.iter().all(|(_, born_ns)| born_ns.is_none()), "{found:?}");
    make(top.path(), &["late/kubepods/podb", "kubepods/podb"]);
    let both = births(&mut tree, &root, SEARCH_NS + 40);
    let both: Vec<_> = both.iter().filter(|(name, _)| name == "podb").map(|(_, born_ns)| *born_ns).collect();
    assert_eq!(both, [Some(SEARCH_NS + 30), None], "counted from zero once");
}

#[test]
fn a_pod_below_several_roots_is_read_once() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &["kubepods/poda", "docker/x/kubepods/poda", "docker/x/kubepods/podb"]);
    let root = HostRoot::open(top.path()).unwrap();
    let mut tree = Tree::default();
    let shown = |tree: &mut Tree, now_ns: u64, used: &[&str]| {
        paths(tree, &root, now_ns);
        tree.hide_duplicates(|path| used.contains(&path));
        let shown = tree.pods.iter().filter(|pod| !pod.hidden);
        shown.map(|pod| pod.cgroup.path.clone()).collect::<Vec<_>>()
    };
    let (near, far, other) = ("kubepods/poda", "docker/x/kubepods/poda", "docker/x/kubepods/podb");
    assert_eq!(shown(&mut tree, 1, &[]), [other, near]);
    assert_eq!(shown(&mut tree, 2, &[far]), [far, other], "where its processes are");
    assert_eq!(shown(&mut tree, 3, &[near, far]), [far, other], "and there it stays");
    std::fs::remove_dir(top.path().join("cg").join(far)).unwrap();
    assert_eq!(shown(&mut tree, 4, &[near]), [other, near]);
}

#[test]
fn comparison_equals_that_of_joined_paths() {
    let names = ["a", "a/b", "a/b/c", "a-b", "ab", "a0", "b", "a/c"];
    for path in names {
        for (directory, name) in [("a", "b"), ("a", "c"), ("a/b", "c"), ("a", "0"), ("b", "a")] {
            assert_eq!(
                compare(path, directory, name),
                path.cmp(format!("{directory}/{name}").as_str()),
                "{path} {directory}/{name}"
            );
        }
    }
}

fn name(cgroup: &KnownCgroup) -> String {
    cgroup.path.rsplit('/').next().unwrap().to_owned()
}
