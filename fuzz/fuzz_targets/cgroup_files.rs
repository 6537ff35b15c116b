//! All parsers of cgroup files over the same bytes: none may panic, and every value found must be in the text.
#![no_main]

use insightd_collect::cgroup::files::{self, BlkioFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let _ = files::single(text);
    let _ = files::bound(text);
    let _ = files::cfs_quota(text);
    let _ = files::cpu_stat(text);
    let _ = files::oom_kills(text);
    let _ = files::memory_stat_v2(text);
    let _ = files::cpuacct_stat(text, 100);
    if let Ok((_, period)) = files::cpu_max(text) {
        assert!(period > 0, "a quota is divided by it");
    }
    let stat = files::memory_stat_v1(text, false).value;
    assert_eq!((stat.hierarchical_pgfault, stat.hierarchical_pgmajfault), (None, None));
    for value in [stat.cache, stat.rss, stat.swap, files::cpu_stat(text).value.periods] {
        assert!(value.is_none_or(|value| value <= i64::MAX as u64), "negative numbers are not values");
    }
    for process in files::processes(text).take(16) {
        assert!(process > 0);
        assert!(String::from_utf8_lossy(text).contains(&process.to_string()));
    }
    let lines = text.split(|&byte| byte == b'\n').count();
    let mut devices = Vec::new();
    let found = files::blkio(text, 0, BlkioFile::Bytes, &mut devices);
    assert_eq!(found.value, !devices.is_empty());
    let named = devices.len();
    assert!(named <= lines);
    files::blkio(text, 0, BlkioFile::Requests, &mut devices);
    assert!(!files::blkio(text, 1, BlkioFile::Bytes, &mut devices).value, "the same devices again");
    assert_eq!(devices.len(), named);
    devices.clear();
    let _ = files::io_stat(text, &mut devices);
    assert!(devices.len() <= lines);
    for (index, io) in devices.iter().enumerate() {
        assert!(!devices[..index].iter().any(|other| other.device == io.device), "one entry per device");
    }
});
