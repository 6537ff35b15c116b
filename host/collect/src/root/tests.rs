use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;

use super::*;

/// Creates a host with links that would lead out of it, next to a file that must never be reached.
fn host() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let host = dir.path().join("host");
    fs::create_dir_all(host.join("proc/1")).unwrap();
    fs::create_dir_all(host.join("sys/devices/vda")).unwrap();
    fs::create_dir_all(host.join("sys/block")).unwrap();
    fs::write(dir.path().join("secret"), "outside").unwrap();
    fs::write(host.join("proc/meminfo"), "inside").unwrap();
    fs::write(host.join("sys/devices/vda/dev"), "254:0\n").unwrap();
    fs::write(host.join("secret"), "the host's own").unwrap();
    symlink("../devices/vda", host.join("sys/block/vda")).unwrap();
    symlink("/proc/meminfo", host.join("absolute")).unwrap();
    symlink("../../../../secret", host.join("sys/up")).unwrap();
    symlink(dir.path().join("secret"), host.join("out")).unwrap();
    symlink("loop", host.join("loop")).unwrap();
    dir
}

fn text(root: &HostRoot, path: &str) -> Option<String> {
    let mut buffer = ReadBuffer::default();
    root.read(path, &mut buffer).unwrap().map(|text| String::from_utf8_lossy(text).into_owned())
}

/// Runs `check` with the kernel's path resolution, if available, and with our own.
fn both(check: impl Fn(&HostRoot)) {
    let dir = host();
    let mut root = HostRoot::open(dir.path().join("host")).unwrap();
    if root.resolver == Resolver::Walk {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: openat2 is not available here; only our own resolution is tested"
        );
    }
    check(&root);
    root.resolver = Resolver::Walk;
    check(&root);
}

#[test]
fn symbolic_links_stay_below_the_root() {
    both(|root| {
        assert_eq!(text(root, "/proc/meminfo").as_deref(), Some("inside"));
        assert_eq!(text(root, "proc//./meminfo").as_deref(), Some("inside"));
        assert_eq!(text(root, "/sys/block/vda/dev").as_deref(), Some("254:0\n"));
        assert_eq!(text(root, "/absolute").as_deref(), Some("inside"));
        assert_eq!(text(root, "/sys/up").as_deref(), Some("the host's own"), "`..` stops at the top");
        assert_eq!(text(root, "/../../secret").as_deref(), Some("the host's own"));
        assert_eq!(text(root, "/out"), None, "an absolute target is a path below the root");
    });
}

#[test]
fn missing_files_are_absent() {
    both(|root| {
        assert_eq!(text(root, "/proc/pressure/cpu"), None);
        assert_eq!(text(root, "/proc/meminfo/x"), None);
        assert!(root.dir("/proc/2").is_err_and(is_absent));
        assert!(root.dir("/proc/meminfo").is_err_and(is_absent));
        let mut buffer = ReadBuffer::default();
        let error = root.read("/loop", &mut buffer).unwrap_err();
        // The error text comes from the C library.
        assert!(error.to_string().to_lowercase().contains("symbolic link"), "{error}");
        assert!(root.read("/proc", &mut buffer).is_err(), "a directory is no file");
    });
}

#[test]
fn the_target_of_a_link_is_read() {
    both(|root| {
        assert_eq!(root.link("/sys/block/vda").unwrap().as_deref(), Some("../devices/vda"));
        assert_eq!(root.link("/sys/none").unwrap(), None);
        assert_eq!(root.link("/secret").unwrap(), None, "a file is no link");
    });
}

#[test]
fn a_directory_lists_and_opens_its_entries() {
    both(|root| {
        let sys = root.dir("/sys").unwrap();
        let mut names = Vec::new();
        sys.for_each(|entry| names.push((entry.name.to_owned(), entry.is_dir))).unwrap();
        names.sort();
        assert_eq!(
            names,
            [("block".to_owned(), true), ("devices".to_owned(), true), ("up".to_owned(), false)]
        );
        assert!(sys.dir("devices/vda").is_ok());
        assert!(sys.dir("../secret").is_err());
        assert!(sys.dir("..").is_err());
        let mut buffer = ReadBuffer::default();
        assert!(sys.read(c"up", &mut buffer).is_err(), "links are not followed");
        assert_eq!(sys.read(c"none", &mut buffer).unwrap(), None);
        let vda = sys.dir("devices/vda").unwrap();
        assert_eq!(vda.read(c"dev", &mut buffer).unwrap(), Some(&b"254:0\n"[..]));
        assert_eq!(buffer.files(), 1, "what could not be opened was not read");
    });
}

#[test]
fn large_files_are_read_and_endless_ones_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..100_000u32).flat_map(|index| index.to_string().into_bytes()).collect();
    fs::write(dir.path().join("large"), &large).unwrap();
    let root = HostRoot::open(dir.path()).unwrap();
    let mut buffer = ReadBuffer::default();
    assert_eq!(root.read("/large", &mut buffer).unwrap(), Some(&large[..]));
    let top = root.dir("/").unwrap();
    assert_eq!(top.read(c"large", &mut buffer).unwrap(), Some(&large[..]));
    let endless = HostRoot::open("/dev").unwrap();
    assert!(matches!(endless.read("/zero", &mut buffer), Err(FileError::TooLarge(_))));
}

fn manifest(text: &str) -> (tempfile::TempDir, Result<HostRoot, RootError>) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("1/proc")).unwrap();
    fs::create_dir_all(dir.path().join("2/proc")).unwrap();
    fs::write(dir.path().join("1/proc/x"), "first").unwrap();
    fs::write(dir.path().join("2/proc/x"), "second").unwrap();
    fs::write(dir.path().join("manifest.json"), text).unwrap();
    let root = HostRoot::open(dir.path());
    (dir, root)
}

#[test]
fn a_recording_has_frames() {
    let (_dir, root) = manifest(
        r#"{"format":1,"node_name":"n1","cgroup_version":2,"frames":[
        {"root":"1","time_unix_ns":1700000000123456789,"monotonic_ns":5,"ticks_per_second":250,"inodes":{"/a":7},
         "kubelet":{"pods":"kubelet/pods.json"},"read":{}},
        {"root":"2","time_unix_ns":1700000060000000000,"monotonic_ns":60000000005,"ticks_per_second":100}]}"#,
    );
    let mut root = root.unwrap();
    assert!(root.is_recording() && !root.has_old_manifest());
    assert_eq!((root.frames().len(), root.recorded_node_name()), (2, Some("n1")));
    assert_eq!(root.clock(), Clock { unix_ms: 1_700_000_000_123, monotonic_ns: 5 });
    assert_eq!((root.ticks_per_second(), root.recorded_inode("/a")), (250, Some(7)));
    assert_eq!(root.frames()[0].kubelet.pods.as_deref(), Some("kubelet/pods.json"));
    assert_eq!(text(&root, "/proc/x").as_deref(), Some("first"));
    root.select_frame(1).unwrap();
    assert_eq!(text(&root, "/proc/x").as_deref(), Some("second"));
    assert_eq!((root.now_ns(), root.recorded_inode("/a")), (60_000_000_005, None));
    let error = root.select_frame(2).unwrap_err().to_string();
    assert!(error.contains("frame 2") && error.contains("has 2 frames"), "{error}");
    assert_eq!(text(&root, "/proc/x").as_deref(), Some("second"), "it stays where it was");
}

#[test]
fn a_manifest_with_the_old_key_is_read() {
    let frame = r#"{"root":"2","time_unix_ns":1,"monotonic_ns":1,"ticks_per_second":100}"#;
    let (_dir, root) = manifest(&format!(r#"{{"format":1,"moments":[{frame}]}}"#));
    let root = root.unwrap();
    assert!(root.has_old_manifest());
    assert_eq!((root.frames().len(), text(&root, "/proc/x").as_deref()), (1, Some("second")));
}

#[test]
fn errors_of_a_manifest_name_the_problem() {
    let frame = r#"{"root":"1","time_unix_ns":1,"monotonic_ns":1,"ticks_per_second":100}"#;
    for (text, words) in [
        ("{".to_owned(), "line 1"),
        (format!(r#"{{"format":2,"frames":[{frame}]}}"#), "unsupported `format` 2"),
        (r#"{"format":1}"#.to_owned(), "`frames` is missing or empty"),
        (r#"{"format":1,"frames":[]}"#.to_owned(), "`frames` is missing or empty"),
        (r#"{"format":1,"frames":[{"root":"1"}]}"#.to_owned(), "time_unix_ns"),
        (format!(r#"{{"format":1,"frames":[{}]}}"#, frame.replace("100", "0")), "ticks_per_second"),
        (format!(r#"{{"format":1,"frames":[{}]}}"#, frame.replace(r#""1""#, r#""9""#)), "frame 0"),
    ] {
        let (_dir, root) = manifest(&text);
        let error = root.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains("recording"), "{error}");
    }
}

#[test]
fn the_error_for_a_missing_root_names_its_path() {
    let error = HostRoot::open("/nonexistent/root").unwrap_err().to_string();
    assert!(error.contains("/nonexistent/root"), "{error}");
}

#[test]
fn a_live_host_has_clocks_and_no_frames() {
    let mut root = HostRoot::open("/").unwrap();
    assert!(!root.is_recording() && root.frames().is_empty());
    assert!(root.select_frame(0).is_err());
    let (before, wall) = (root.now_ns(), std::time::SystemTime::now());
    let clock = root.clock();
    assert!(clock.monotonic_ns >= before);
    let wall = wall.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    assert!(clock.unix_ms.abs_diff(wall) < 60_000);
}
