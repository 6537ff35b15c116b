//! Network namespaces of processes in cgroups of this machine.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;

use insightd_collect::{Collector, HostRoot, Settings};

use super::cgroups::TestCgroups;
use super::{A, B, wait_for};
use crate::view::{sample, settings};

#[test]
fn pods_are_assigned_their_network_namespaces() {
    let Some(mut cgroups) = TestCgroups::new("network") else { return };
    let own_path = format!("kubepods/pod{}", cgroups.uid);
    let shared_path = format!("kubepods/besteffort/podshared-{}", cgroups.uid);
    let own = cgroups.create(&format!("{own_path}/{A}"));
    let shared = cgroups.create(&format!("{shared_path}/{B}"));
    cgroups.run(&shared, "sleep", &["1000"]);
    let process = cgroups.run(&own, "unshare", &["--net", "sleep", "1000"]);
    let inode = |path: String| fs::metadata(path).unwrap().ino();
    let ours = inode("/proc/self/net/dev".to_owned());
    // wait until unshare has switched the namespace
    wait_for(|| inode(format!("/proc/{process}/net/dev")) != ours);
    let settings = Settings { interface_exclude: Vec::new(), ..settings() };
    let mut collector = Collector::new(HostRoot::open("/").unwrap(), settings).unwrap();
    let view = sample(&mut collector);
    let pod = cgroups.entity(&view, &own_path);
    assert_eq!(pod.attribute("network.host"), None);
    let names: Vec<_> = pod.children("interface").iter().map(|interface| interface.id()).collect();
    assert!(names.contains(&"lo"), "{names:?}");
    assert_eq!(pod.children("interface")[0].current("network.rx_bytes"), Some(0));
    if ours == inode("/proc/1/net/dev".to_owned()) {
        let pod = cgroups.entity(&view, &shared_path);
        assert_eq!(pod.attribute("network.host"), Some("true"));
        assert_eq!(pod.children("interface").len(), 0);
    } else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: host network: process 1 is in another network namespace than this test"
        );
    }
}
