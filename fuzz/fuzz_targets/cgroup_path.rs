//! Names and paths of cgroups, which anyone who can create a cgroup chooses.
#![no_main]

use insightd_collect::cgroup::path::{Role, container, dir_kind, role};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &str| {
    let found = role(path);
    let pod = match &found {
        None => None,
        Some(Role::Pod(pod)) => Some(pod),
        Some(Role::Container(pod, container)) => {
            assert_eq!(container.id.len(), 64);
            assert!(container.id.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
            Some(pod)
        }
    };
    if let Some(pod) = pod {
        let uid = pod.uid();
        assert!((1..=128).contains(&uid.len()) && uid.is_ascii(), "{uid}");
        let below = format!("/some/where/{path}");
        assert_eq!(role(&below), found, "a prefix changes nothing");
    }
    let (parent, name) = path.split_once('/').unwrap_or(("", path));
    let _ = (dir_kind(parent, name), container(name));
});
