//! Tests on this machine: cgroups created by the test, with busy processes in them, and the machine's own files.

mod cgroups;
mod containers;
mod machine;
mod network;
mod optional;
mod tasks;
mod unified;

use std::fs;
use std::process::Command;
use std::time::Duration;

use insightd_collect::Collector;

use crate::view::{View, sample};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Waits for an effect of a newly started process, which takes longer on a busy machine.
fn wait_for(is_reached: impl Fn() -> bool) {
    for _ in 0..6000 {
        if is_reached() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("did not happen within 30 s");
}

/// Stops a process and waits until the kernel shows it as stopped.
fn freeze(process: u32) {
    assert!(Command::new("kill").args(["-STOP", &process.to_string()]).status().unwrap().success());
    wait_for(|| fs::read_to_string(format!("/proc/{process}/stat")).unwrap().contains(") T "));
}

/// Returns a sample, and a value that was the same right before and right after it. The kernel completes some accounts of a
/// stopped process with a delay: its last CPU time, pages that are freed late. The sample may not be the first one that was
/// taken here, so its previous values are of an unknown time.
fn sample_at_rest<T: PartialEq>(collector: &mut Collector, read: impl Fn() -> T) -> (View, T) {
    for _ in 0..6000 {
        let before = read();
        let view = sample(collector);
        if read() == before {
            return (view, before);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("not at rest within 30 s");
}
