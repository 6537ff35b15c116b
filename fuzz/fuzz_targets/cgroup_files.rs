//! Every parser of a cgroup file over the same bytes: none may panic, and what one found must stand in the text.
#![no_main]

use insightd_collect::cgroup::files;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let _ = files::single(text);
    let _ = files::bound(text);
    let _ = files::cfs_quota(text);
    let _ = files::memory_bound_v1(text);
    let _ = files::cpu_stat(text);
    let _ = files::oom_kills(text);
    let _ = files::memory_stat_v2(text);
    let _ = files::cpuacct_stat(text, 100);
    if let Ok((_, period)) = files::cpu_max(text) {
        assert!(period > 0, "a quota is divided by it");
    }
    if let Ok(stat) = files::memory_stat_v1(text, false) {
        assert_eq!((stat.hierarchical_pgfault, stat.hierarchical_pgmajfault), (None, None));
        assert!(files::memory_stat_v1(text, true).is_ok(), "the same lines");
    }
    if let Some(process) = files::first_process(text) {
        assert!(process > 0);
        assert!(String::from_utf8_lossy(text).contains(&process.to_string()));
    }
    let lines = text.split(|&byte| byte == b'\n').count();
    let mut devices = Vec::new();
    let found = files::blkio(text, &mut devices, |io| &mut io.bytes);
    assert_eq!(found.is_ok_and(|found| found), found.is_ok() && !devices.is_empty());
    assert!(devices.len() <= lines);
    devices.clear();
    let _ = files::io_stat(text, &mut devices);
    assert!(devices.len() <= lines);
    for (index, io) in devices.iter().enumerate() {
        assert!(!devices[..index].iter().any(|other| other.device == io.device), "one entry a device");
    }
});
