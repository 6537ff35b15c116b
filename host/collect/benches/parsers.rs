//! Benchmark: this crate's parsers of /proc files against those of the `procfs-core` crate, over the files of a recorded
//! node: `cargo bench -p insightd-collect --bench parsers`. This crate's parsers run at every tick and do not allocate; for
//! a file that is read once in ten minutes, the other crate's would do.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use insightd_collect::proc::{meminfo, mountinfo, net_dev};
use procfs_core::FromBufRead;
use procfs_core::net::InterfaceDeviceStatus;
use procfs_core::process::MountInfos;

const ROUNDS: usize = 201;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodes/v2-systemd/2/proc");
    let read = |name: &str| std::fs::read(proc.join(name));
    let (memory, mounts, interfaces) = (read("meminfo")?, read("1/mountinfo")?, read("1/net/dev")?);
    compare(
        "meminfo",
        &memory,
        |text| meminfo::parse(text).skipped.is_none(),
        |text| procfs_core::Meminfo::from_buf_read(text).is_ok(),
    );
    compare(
        "mountinfo",
        &mounts,
        |text| mountinfo::each(text, |mount| drop(black_box(mount))).is_none(),
        |text| MountInfos::from_buf_read(text).is_ok(),
    );
    compare(
        "net/dev",
        &interfaces,
        |text| net_dev::each(text, |interface| _ = black_box(interface)).is_none(),
        |text| InterfaceDeviceStatus::from_buf_read(text).is_ok(),
    );
    Ok(())
}

fn compare(name: &str, text: &[u8], ours: impl Fn(&[u8]) -> bool, theirs: impl Fn(&[u8]) -> bool) {
    assert!(ours(text) && theirs(text), "{name} is a good file to both");
    let (ours, theirs) = (median(|| ours(text)), median(|| theirs(text)));
    println!(
        "{name}: {} bytes: ours {:.1} us, procfs-core {:.1} us, ratio {:.2}",
        text.len(),
        ours.as_secs_f64() * 1e6,
        theirs.as_secs_f64() * 1e6,
        ours.as_secs_f64() / theirs.as_secs_f64()
    );
}

fn median(work: impl Fn() -> bool) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}
