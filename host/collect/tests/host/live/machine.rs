//! Values of this machine, compared with other sources of the same facts.

use std::fs;
use std::path::Path;

use crate::view::{collector, sample};

#[test]
fn node_values_match_the_system_calls() {
    let mut collector = collector("/");
    let view = sample(&mut collector);
    let node = view.node();
    // SAFETY: all-zero bytes are a valid value of this plain struct.
    let mut info: libc::sysinfo = unsafe { std::mem::zeroed() };
    // SAFETY: `info` is valid for writes for the whole call.
    assert_eq!(unsafe { libc::sysinfo(&raw mut info) }, 0);
    let total = info.totalram * u64::from(info.mem_unit);
    assert_eq!(node.gauge("node.memory_total_bytes"), Some(total as f64));
    // SAFETY: `sysconf` does not access memory of the caller.
    let processors = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    assert_eq!(node.gauge("node.cpu_count"), Some(processors as f64));
    let available = node.gauge("node.memory_available_bytes").unwrap();
    assert!(available > 0.0 && available <= total as f64);
}

#[test]
fn the_root_file_system_matches_statvfs() {
    let mut collector = collector("/");
    let view = sample(&mut collector);
    let filesystems = view.of_kind("filesystem");
    let root: Vec<_> = filesystems.iter().filter(|one| one.attribute("mount.point") == Some("/")).collect();
    assert_eq!(root.len(), 1);
    // SAFETY: all-zero bytes are a valid value of this plain struct.
    let mut stat: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends in a zero byte and `stat` is valid for writes for the whole call.
    assert_eq!(unsafe { libc::statvfs(c"/".as_ptr(), &raw mut stat) }, 0);
    assert_eq!(root[0].gauge("fs.capacity_bytes"), Some((stat.f_blocks * stat.f_frsize) as f64));
    assert_eq!(root[0].gauge("fs.inodes"), (stat.f_files > 0).then_some(stat.f_files as f64));
    let (free, available) =
        (root[0].gauge("fs.free_bytes").unwrap(), root[0].gauge("fs.available_bytes").unwrap());
    assert!(available <= free);
    assert!(!filesystems.iter().any(|one| one.attribute("mount.point") == Some("/dev/shm")));
}

#[test]
fn node_interfaces_match_the_kernels_list() {
    let view = sample(&mut collector("/"));
    let listed = fs::read_to_string("/proc/1/net/dev").unwrap();
    let mut names: Vec<_> =
        listed.lines().skip(2).map(|line| line.split(':').next().unwrap().trim()).collect();
    names.retain(|name| {
        *name != "lo" && !["veth", "docker", "nerdctl"].iter().any(|start| name.starts_with(start))
    });
    let node = view.node();
    let seen: Vec<_> = node.children("interface").iter().map(|interface| interface.id()).collect();
    assert_eq!(seen, names);
}

#[test]
fn parsers_agree_with_procfs_on_this_machine() {
    use insightd_collect::proc::{meminfo, mountinfo, net_dev};
    use procfs_core::FromBufRead;

    let read = |name: &str| fs::read(Path::new("/proc/self").join(name)).unwrap();
    let text = read("mountinfo");
    let mut ours = Vec::new();
    let skipped = mountinfo::each(&text, |mount| {
        ours.push((mount.device.to_string(), mount.point.into_owned(), mount.fs_type.to_owned()));
    });
    assert_eq!(skipped, None);
    let theirs = procfs_core::process::MountInfos::from_buf_read(&text[..]).unwrap();
    let theirs: Vec<_> = theirs
        .into_iter()
        .map(|mount| (mount.majmin, mount.mount_point.to_str().unwrap().to_owned(), mount.fs_type))
        .collect();
    assert_eq!(ours, theirs);

    let text = read("net/dev");
    let theirs = procfs_core::net::InterfaceDeviceStatus::from_buf_read(&text[..]).unwrap().0;
    let mut count = 0;
    let skipped = net_dev::each(&text, |ours| {
        let theirs = &theirs[ours.name];
        assert_eq!((ours.rx_bytes, ours.rx_packets), (theirs.recv_bytes, theirs.recv_packets));
        assert_eq!((ours.rx_errors, ours.rx_dropped), (theirs.recv_errs, theirs.recv_drop));
        assert_eq!((ours.tx_bytes, ours.tx_packets), (theirs.sent_bytes, theirs.sent_packets));
        assert_eq!((ours.tx_errors, ours.tx_dropped), (theirs.sent_errs, theirs.sent_drop));
        count += 1;
    });
    assert_eq!(skipped, None);
    assert_eq!(count, theirs.len());

    let text = fs::read("/proc/meminfo").unwrap();
    let theirs = procfs_core::Meminfo::from_buf_read(&text[..]).unwrap();
    let ours = meminfo::parse(&text).value;
    assert_eq!((ours.total, ours.available), (Some(theirs.mem_total), theirs.mem_available));
    assert_eq!(ours.swap_used, Some(theirs.swap_total - theirs.swap_free));
}
