//! Faults of the sinks `otlp_http` and `prometheus_remote_write`, with the built agent: it is killed, its disk is full, and its receiver
//! throttles and rejects. Each tick is also printed as text. What was printed has arrived once, or the agent's own metrics count it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod agent;
#[path = "../../../host/files/tests/shared/tmpfs.rs"]
mod tmpfs;
mod wire;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agent::{Agent, wait};
use insightd_tests::receiver::{Receiver, Response};
use wire::{BOTH, Wire};

/// Ticks that are printed before an agent is killed.
const TICKS: usize = 3;

/// Samples by time in milliseconds.
type Counts = BTreeMap<u64, usize>;

/// Counts the samples of accepted requests, each request once. Returns the number of repeated requests as well.
fn accepted(wire: Wire, receiver: &Receiver) -> (Counts, usize) {
    let (mut counts, mut seen, mut repeated) = (Counts::new(), std::collections::HashSet::new(), 0);
    for request in receiver.received().into_iter().filter(|request| request.status < 300) {
        if !seen.insert(request.body.clone()) {
            repeated += 1;
            continue;
        }
        for time in wire.times(&request.body) {
            *counts.entry(time).or_default() += 1;
        }
    }
    (counts, repeated)
}

/// Asserts that every printed sample has arrived. The last tick of a killed agent may be printed in part.
fn assert_arrived(wire: Wire, printed: &Counts, arrived: &Counts) {
    for (time, count) in printed {
        let found = arrived.get(time).copied().unwrap_or_default();
        assert!(found >= *count, "{wire:?}: {found} of {count} samples at {time}: {printed:?} {arrived:?}");
    }
    let full = printed.values().max().unwrap();
    assert!(*full > 50, "only {full} samples a tick");
    assert!(
        arrived.values().all(|count| count == full),
        "each sample once: {arrived:?}, printed {full} a tick"
    );
}

#[test]
fn a_killed_agent_loses_nothing_and_keeps_the_order() {
    for wire in BOTH {
        let directory = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(move |_, body| {
            std::thread::sleep(Duration::from_millis(40));
            Response::new(200, wire.written(body))
        });
        let mut printed = Counts::new();
        let kills = 3;
        for life in 0..=kills {
            let agent = Agent::start(wire, directory.path(), &receiver, directory.path());
            if life < kills {
                wait(|| (agent.printed().len() >= TICKS).then_some(()));
                printed.extend(agent.kill());
            } else {
                wait(|| (agent.metric("insightd_delivery_accepted_requests_total", "") > 0.0).then_some(()));
                assert_eq!(agent.metric("insightd_delivery_events_lost_total", ""), 0.0);
                printed.extend(agent.terminate());
            }
        }
        let (arrived, repeated) = accepted(wire, &receiver);
        assert_arrived(wire, &printed, &arrived);
        // One request at a time is in flight.
        assert!(repeated <= kills, "{wire:?}: {repeated} requests twice");
        if wire == Wire::RemoteWrite {
            let times: Vec<u64> =
                receiver.received().iter().flat_map(|request| wire.times(&request.body)).collect();
            assert!(times.is_sorted(), "oldest first, over all agents: {times:?}");
        }
    }
}

#[test]
fn a_full_disk_loses_nothing_during_an_outage() {
    let Some(disk) = tmpfs::Tmpfs::mount("256k") else { return };
    for wire in BOTH {
        let directory = tempfile::tempdir().unwrap();
        let is_back = Arc::new(AtomicBool::new(false));
        let back = Arc::clone(&is_back);
        let receiver = Receiver::start(move |_, body| match back.load(Ordering::Relaxed) {
            false => Response::new(503, "x-a: b"),
            true => Response::new(200, wire.written(body)),
        });
        let agent = Agent::start(wire, directory.path(), &receiver, disk.path());
        let pending = || agent.metric("insightd_delivery_pending_requests", "");
        wait(|| (pending() > 0.0).then_some(()));
        let filler = disk.path().join("filler");
        fs::write(&filler, vec![1; 1 << 20]).unwrap_err();
        wait(|| (agent.metric("insightd_spool_in_memory", "") == 1.0).then_some(()));
        let before = pending();
        wait(|| (pending() > before + 2.0).then_some(()));
        is_back.store(true, Ordering::Relaxed);
        wait(|| (pending() == 0.0).then_some(()));
        assert_eq!(agent.metric("insightd_delivery_events_lost_total", ""), 0.0);
        let printed = agent.terminate();
        let (arrived, repeated) = accepted(wire, &receiver);
        assert_eq!(repeated, 0, "{wire:?}");
        assert_arrived(wire, &printed, &arrived);
        fs::remove_file(filler).unwrap();
    }
}

#[test]
fn what_is_rejected_is_counted_and_what_is_throttled_arrives() {
    for wire in BOTH {
        let directory = tempfile::tempdir().unwrap();
        let receiver = Receiver::start(move |number, body| match number {
            0 | 3 => Response::new(429, "retry-after: 1"),
            1 => Response::new(413, "x-a: b"),
            4 => wire.partial(body, 7),
            _ => Response::new(200, wire.written(body)),
        });
        let agent = Agent::start(wire, directory.path(), &receiver, directory.path());
        let lost = || agent.metric("insightd_delivery_events_lost_total", "cause=\"rejected\"");
        wait(|| (agent.metric("insightd_delivery_accepted_requests_total", "") > 4.0).then_some(()));
        assert_eq!(lost(), 1.0);
        assert_eq!(agent.metric("insightd_delivery_events_lost_total", ""), 1.0, "no other cause");
        assert_eq!(agent.metric("insightd_delivery_rejected_points_total", ""), 7.0);
        assert_eq!(agent.metric("insightd_delivery_failed_requests_total", ""), 2.0);
        let printed = agent.terminate();
        let (mut arrived, repeated) = accepted(wire, &receiver);
        assert_eq!(repeated, 0, "{wire:?}");
        let requests = receiver.received();
        assert_eq!(requests.iter().filter(|request| request.status == 413).count(), 1, "never sent again");
        for time in wire.times(&requests[1].body) {
            *arrived.entry(time).or_default() += 1;
        }
        assert_arrived(wire, &printed, &arrived);
    }
}
