//! The disk of the spool is full while the endpoint is away: each request arrives once, or is counted as lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use insightd_delivery::DeliveryQueue;
use insightd_spool::{Cause, Settings, Spool, StorageMode};
use insightd_upstream::UpstreamStatus;

use crate::faults::{Agent, TIME_MS};
use crate::numbered::{BOTH, Wire};
use crate::server::Server;
use crate::tmpfs::Tmpfs;

const REQUEST_BYTES: usize = 10_000;

/// Puts requests of 10 KB on a disk of 256 KiB while the endpoint is away, with room for `memory_bytes` in memory. Returns the number of
/// lost ones.
async fn fill(wire: Wire, disk: &Tmpfs, memory_bytes: u64, count: u32) -> u64 {
    let directory = disk.path().join(format!("{wire:?}-{memory_bytes}"));
    let mut settings = Settings::new(&directory);
    settings.segment_bytes = 64 << 10;
    settings.memory_bytes = memory_bytes;
    let queue =
        DeliveryQueue::new(Spool::open(settings, TIME_MS), Arc::new(UpstreamStatus::new("x"))).unwrap();
    for number in 0..count {
        queue.put(wire.block(number, TIME_MS, REQUEST_BYTES)).unwrap();
        queue.end_tick(TIME_MS);
    }
    let stats = queue.stats();
    assert!(matches!(stats.mode, StorageMode::Memory { .. }), "{stats:?}");
    assert!(stats.in_memory.blocks > 0 && stats.in_memory.blocks < stats.pending.blocks, "{stats:?}");

    let server = Server::start(wire.accepting()).await;
    let agent = Agent::start_at(&server.url, wire.protocol(), queue.clone());
    let (counts, lost) = agent.counts().await;
    let arrived = wire.numbers(&server.requests());
    let distinct: BTreeSet<u32> = arrived.iter().copied().collect();
    assert_eq!(arrived.len(), distinct.len(), "each once: {arrived:?}");
    assert_eq!(distinct.len() as u64 + lost, u64::from(count), "{arrived:?}");
    assert_eq!(counts.accepted_events, distinct.len() as u64);
    assert_eq!(queue.stats().lost.by(Cause::MemoryFull).events, lost);
    if wire == Wire::RemoteWrite {
        assert!(arrived.is_sorted(), "oldest first: {arrived:?}");
    }
    queue.end_tick(TIME_MS);
    drop(queue);
    std::fs::remove_dir_all(directory).unwrap();
    lost
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_memory_has_room_for() {
    let Some(disk) = Tmpfs::mount("256k") else { return };
    for wire in BOTH {
        assert_eq!(fill(wire, &disk, 1 << 20, 40).await, 0, "{wire:?}");
    }
}

#[tokio::test]
async fn what_neither_disk_nor_memory_holds_is_counted() {
    let Some(disk) = Tmpfs::mount("256k") else { return };
    for wire in BOTH {
        let lost = fill(wire, &disk, 5 * REQUEST_BYTES as u64, 60).await;
        assert!(lost >= 20, "{wire:?}: 256 KiB and five requests are less than 40: {lost}");
    }
}
