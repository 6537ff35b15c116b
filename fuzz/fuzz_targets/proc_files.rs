//! All parsers of `/proc` files over the same bytes: none may panic, and none finds more entries than lines.
#![no_main]

use insightd_collect::proc::{
    cpuinfo, diskstats, loadavg, meminfo, mountinfo, net_dev, pressure, stat, vlan,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let lines = text.split(|&byte| byte == b'\n').count();
    let _ = meminfo::parse(text);
    let _ = pressure::parse(text);
    assert!(cpuinfo::listed(text).is_none_or(|count| count > 0 && count <= 1 << 16));
    assert!(cpuinfo::processors(text).is_none_or(|count| count > 0 && count <= (lines as u64).max(1 << 16)));
    let mut devices = Vec::new();
    let _ = diskstats::parse(text, &mut devices);
    assert!(devices.len() <= lines);
    let mut rows = 0;
    let _ = diskstats::each(text, |_, _| rows += 1);
    assert!(rows <= lines);
    let mut rows = 0;
    let _ = meminfo::each(text, |row| {
        assert!(
            !row.key.is_empty() && row.key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        );
        assert!(row.value <= i64::MAX as u64);
        rows += 1;
    });
    assert!(rows <= lines.min(256));
    assert!(loadavg::parse(text).value.into_iter().flatten().all(|load| load.is_finite() && load >= 0.0));
    assert!(stat::parse(text).value.cpus.len() <= lines.min(8192));
    let mut interfaces = 0;
    let _ = net_dev::each(text, |interface| {
        assert!(!interface.name.is_empty());
        interfaces += 1;
    });
    assert!(interfaces <= lines);
    let mut vlans = 0;
    let _ = vlan::each(text, |vlan, over| {
        assert!(!vlan.is_empty() && !over.is_empty());
        vlans += 1;
    });
    assert!(vlans <= lines);
    let mut mounts = 0;
    let _ = mountinfo::each(text, |mount| {
        assert!(mount.point.len() <= text.len());
        mounts += 1;
    });
    assert!(mounts <= lines);
});
