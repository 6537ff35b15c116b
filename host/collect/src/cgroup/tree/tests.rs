use std::path::Path;

use super::*;

const ID: &str = "3eff94936921c4de5f4ccdd0d67333983ead8d61207da744c5fe839d2eb19787";

fn make(top: &Path, folders: &[&str]) {
    for folder in folders {
        std::fs::create_dir_all(top.join("cg").join(folder)).unwrap();
    }
}

/// Paths of pods, with the names of their containers.
fn list(tree: &mut Tree, root: &HostRoot, now_ns: u64) -> Vec<(String, Vec<String>)> {
    let dir = root.dir("/cg").unwrap();
    let walked = Walked { root, point: "/cg", dir: &dir };
    let mut problems = Problems::default();
    tree.update(walked, now_ns, &mut problems);
    assert_eq!(problems.listed, []);
    tree.pods
        .iter_mut()
        .map(|pod| {
            pod.list(walked, &dir.dir(&pod.cgroup.path).unwrap()).unwrap();
            let names = pod.containers.iter().map(|container| container.cgroup.name().to_owned());
            (pod.cgroup.path.clone(), names.collect())
        })
        .collect()
}

fn paths(tree: &mut Tree, root: &HostRoot, now_ns: u64) -> Vec<String> {
    list(tree, root, now_ns).into_iter().map(|(path, _)| path).collect()
}

#[test]
fn finds_pods_wherever_they_are() {
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
fn follows_what_comes_and_goes() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &["kubepods/burstable/poda", "kubepods/burstable/podb"]);
    let root = HostRoot::open(top.path()).unwrap();
    let mut tree = Tree::default();
    assert_eq!(paths(&mut tree, &root, 0), ["kubepods/burstable/poda", "kubepods/burstable/podb"]);
    std::fs::remove_dir(top.path().join("cg/kubepods/burstable/poda")).unwrap();
    make(top.path(), &["kubepods/burstable/pod0", "kubepods/podz", "kubepods/burstable/podb/x"]);
    tree.pods[1].process = 7;
    let now = paths(&mut tree, &root, 1);
    assert_eq!(now, ["kubepods/burstable/pod0", "kubepods/burstable/podb", "kubepods/podz"]);
    assert_eq!(tree.pods[1].process, 7, "the state stays with its pod");
}

#[test]
fn a_new_inode_is_a_new_cgroup() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &["kubepods/poda"]);
    let root = HostRoot::open(top.path()).unwrap();
    let mut tree = Tree::default();
    paths(&mut tree, &root, 0);
    let before = tree.pods[0].cgroup.inode;
    tree.pods[0].cgroup.remembered = Some(Remembered::default());
    paths(&mut tree, &root, 1);
    assert!(tree.pods[0].cgroup.remembered.is_some());
    let pod = top.path().join("cg/kubepods/poda");
    // another folder in between keeps the file system from handing out the same number again
    std::fs::rename(&pod, top.path().join("cg/gone")).unwrap();
    std::fs::create_dir(&pod).unwrap();
    paths(&mut tree, &root, 2);
    assert_ne!(tree.pods[0].cgroup.inode, before);
    assert!(tree.pods[0].cgroup.remembered.is_none());
}

#[test]
fn a_second_top_is_found_when_a_search_is_due() {
    let top = tempfile::tempdir().unwrap();
    make(top.path(), &["system.slice"]);
    let root = HostRoot::open(top.path()).unwrap();
    let mut tree = Tree::default();
    assert_eq!(paths(&mut tree, &root, 0), [""; 0]);
    make(top.path(), &["kubepods/poda"]);
    assert_eq!(paths(&mut tree, &root, 1), ["kubepods/poda"], "without any top, every tick searches");
    make(top.path(), &["late/kubepods/podb"]);
    assert_eq!(paths(&mut tree, &root, 2), ["kubepods/poda"]);
    assert_eq!(paths(&mut tree, &root, SEARCH_NS + 2), ["kubepods/poda", "late/kubepods/podb"]);
}

#[test]
fn order_is_that_of_joined_paths() {
    let names = ["a", "a/b", "a/b/c", "a-b", "ab", "a0", "b", "a/c"];
    for path in names {
        for (folder, name) in [("a", "b"), ("a", "c"), ("a/b", "c"), ("a", "0"), ("b", "a")] {
            assert_eq!(
                compare(path, folder, name),
                path.cmp(format!("{folder}/{name}").as_str()),
                "{path} {folder}/{name}"
            );
        }
    }
}
