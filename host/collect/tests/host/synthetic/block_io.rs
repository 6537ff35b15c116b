//! Block I/O files with malformed rows, broken ones, and disks of different schedulers.

use std::fs;

use super::{A, B, Host, container};
use crate::view::{View, collector, sample};

/// Current and previous value of a counter.
type Pair = Option<(u64, Option<u64>)>;

fn counter(view: &View, kind: &str, id: &str, name: &str) -> Pair {
    let seen = view.find(kind, id)?;
    seen.counter(name).map(|(current, previous)| (current, previous.map(|(value, _)| value)))
}

fn v1() -> Host {
    let host = Host::bare(
        "32 31 0:29 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n36 31 0:33 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n",
    );
    for path in ["", POD] {
        host.file(&format!("sys/fs/cgroup/cpuacct/{path}/cpuacct.usage"), "10");
    }
    host
}

const POD: &str = "kubepods/podx";

/// Writes one `blkio` file of the root and of the pod.
fn blkio(host: &Host, name: &str, text: &str) {
    for path in ["", POD] {
        host.file(&format!("sys/fs/cgroup/blkio/{path}/{name}"), text);
    }
}

#[test]
fn an_unknown_row_in_one_tick_changes_no_rate() {
    let host = Host::v2();
    let cgroup = container(A);
    let mut collector = collector(host.path());
    let mut tick = |rows: &str| {
        host.file("sys/fs/cgroup/io.stat", rows);
        host.file(&format!("sys/fs/cgroup/{cgroup}/io.stat"), rows);
        let view = sample(&mut collector);
        let read = |kind, id: &str| counter(&view, kind, id, "io.read_bytes");
        (read("disk", "8:0"), read("cgroup", &cgroup), view.report.problems.len())
    };
    tick("8:0 rbytes=1000\n");
    let pair = |now, before| Some((now, Some(before)));
    assert_eq!(tick("8:0 rbytes=1100\n"), (pair(1100, 1000), pair(1100, 1000), 0));
    let malformed = "8:0 rbytes=1200\n(unknown) rbytes=7\n";
    assert_eq!(tick(malformed), (pair(1200, 1100), pair(1200, 1100), 2), "said of both files");
    assert_eq!(tick("8:0 rbytes=1300\n"), (pair(1300, 1200), pair(1300, 1200), 0));
}

#[test]
fn a_device_hidden_by_a_malformed_row_adds_no_io_when_it_returns() {
    let host = Host::v2();
    let cgroup = container(A);
    let mut collector = collector(host.path());
    let mut tick = |rows: &str| {
        host.file(&format!("sys/fs/cgroup/{cgroup}/io.stat"), rows);
        counter(&sample(&mut collector), "cgroup", &cgroup, "io.read_bytes")
    };
    assert_eq!(tick("8:0 rbytes=1000\n8:16 rbytes=5000\n"), Some((6000, None)));
    assert_eq!(tick("8:0 rbytes=1010\n8:16 8:32 rbytes=5000\n"), Some((1010, None)));
    assert_eq!(tick("8:0 rbytes=1020\n8:16 rbytes=5000\n"), Some((6020, None)), "not 5010 of work");
    assert_eq!(tick("8:0 rbytes=1030\n8:16 rbytes=5000\n"), Some((6030, Some(6020))));
    assert_eq!(
        tick("8:0 rbytes=1030\n8:16 rbytes=5000\n9:0 rbytes=5\n"),
        Some((6035, Some(6030))),
        "a new device"
    );
    assert_eq!(tick("8:0 rbytes=1031\n8:16 rbytes=-1\n9:0 rbytes=5\n"), Some((1036, None)));
}

#[test]
fn a_late_first_request_is_counted_from_zero() {
    let host = Host::v2();
    let cgroup = container(B);
    let mut collector = collector(host.path());
    let mut tick = |rows: &str| {
        host.file(&format!("sys/fs/cgroup/{cgroup}/io.stat"), rows);
        counter(&sample(&mut collector), "cgroup", &cgroup, "io.write_bytes")
    };
    assert_eq!(tick(""), None);
    assert_eq!(tick("8:0 wbytes=4096\n"), Some((4096, Some(0))));
}

#[test]
fn each_device_is_read_from_the_preferred_file_that_names_it() {
    let host = v1();
    let mut collector = collector(host.path());
    let mut tick = |step: u64| {
        let (sda, nvme) = (1000 + step, 7000 + step);
        blkio(&host, "blkio.bfq.io_service_bytes_recursive", &format!("8:0 Read {sda}\nTotal {sda}\n"));
        blkio(&host, "blkio.bfq.io_serviced_recursive", "8:0 Read 10\nTotal 10\n");
        let both = format!("8:0 Read 333\n259:0 Read {nvme}\nTotal 1\n");
        blkio(&host, "blkio.throttle.io_service_bytes_recursive", &both);
        blkio(&host, "blkio.throttle.io_serviced_recursive", "8:0 Read 3\n259:0 Read 70\nTotal 73\n");
        let view = sample(&mut collector);
        view.no_problems();
        let read = |kind, id: &str| counter(&view, kind, id, "io.read_bytes");
        let requests = counter(&view, "cgroup", POD, "io.reads").map(|(now, _)| now);
        (read("disk", "8:0"), read("disk", "259:0"), read("cgroup", POD), requests)
    };
    let first = tick(0);
    assert_eq!(first, (Some((1000, None)), Some((7000, None)), Some((8000, None)), Some(80)));
    for step in 1..8 {
        let pair = |base: u64, by: u64| Some((base + by * step, Some(base + by * (step - 1))));
        assert_eq!(tick(step), (pair(1000, 1), pair(7000, 1), pair(8000, 2), Some(80)), "{step}");
    }
}

/// Replaces a file by a directory, which even root cannot read.
fn breaks(host: &Host, name: &str) {
    for path in ["", POD] {
        let file = host.path().join(format!("sys/fs/cgroup/blkio/{path}/{name}"));
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
    }
}

fn mends(host: &Host, name: &str, text: &str) {
    for path in ["", POD] {
        fs::remove_dir(host.path().join(format!("sys/fs/cgroup/blkio/{path}/{name}"))).unwrap();
    }
    blkio(host, name, text);
}

#[test]
fn a_broken_recursive_file_is_not_replaced_by_a_non_recursive_one() {
    let host = v1();
    let (recursive, own) = ("blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes");
    blkio(&host, recursive, "8:0 Read 900\nTotal 900\n");
    blkio(&host, own, "8:0 Read 300\nTotal 300\n");
    let mut collector = collector(host.path());
    let mut read = || {
        let view = sample(&mut collector);
        let said = view.report.problems.iter().filter(|problem| problem.path.ends_with(recursive)).count();
        let read = |kind, id: &str| counter(&view, kind, id, "io.read_bytes");
        (read("disk", "8:0"), read("cgroup", POD), said)
    };
    assert_eq!(read(), (Some((900, None)), Some((900, None)), 0));
    breaks(&host, recursive);
    assert_eq!(read(), (None, None, 2));
    mends(&host, recursive, "8:0 Read 1000\nTotal 1000\n");
    assert_eq!(read(), (Some((1000, Some(900))), Some((1000, Some(900))), 0));
    // the same with a malformed row
    blkio(&host, recursive, "(unknown) Read 5\n8:0 Read 1100\nTotal 1105\n");
    assert_eq!(read(), (Some((1100, Some(1000))), Some((1100, Some(1000))), 2));
}

#[test]
fn a_broken_file_of_the_scheduler_in_use_loses_one_tick() {
    let host = v1();
    let bfq = "blkio.bfq.io_service_bytes_recursive";
    blkio(&host, bfq, "8:0 Read 100\n");
    blkio(&host, "blkio.throttle.io_service_bytes_recursive", "8:0 Read 40\n");
    let mut collector = collector(host.path());
    let mut read = || counter(&sample(&mut collector), "cgroup", POD, "io.read_bytes");
    assert_eq!(read(), Some((100, None)));
    breaks(&host, bfq);
    assert_eq!(read(), None, "the other file counts otherwise");
    mends(&host, bfq, "8:0 Read 150\n");
    assert_eq!(read(), Some((150, Some(100))));
}

#[test]
fn a_broken_file_of_an_unused_scheduler_is_skipped() {
    let host = v1();
    blkio(&host, "blkio.bfq.io_service_bytes_recursive", "Total 0\n");
    blkio(&host, "blkio.throttle.io_service_bytes_recursive", "8:0 Read 40\n");
    breaks(&host, "blkio.bfq.io_service_bytes_recursive");
    let mut collector = collector(host.path());
    let mut read = || counter(&sample(&mut collector), "cgroup", POD, "io.read_bytes");
    assert_eq!(read(), Some((40, None)));
    assert_eq!(read(), Some((40, Some(40))));
}
