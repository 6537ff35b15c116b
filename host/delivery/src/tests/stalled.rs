//! A spool whose disk does not respond: its thread is blocked, as by a stalled volume.

use std::sync::mpsc;

use insightd_spool::{Cause, StorageMode};

use super::super::queue::TICK_WAIT;
use super::*;

/// Creates a delivery queue whose spool opens once a message is sent.
fn stalled(directory: &std::path::Path, memory_bytes: u64) -> (DeliveryQueue, mpsc::Sender<()>) {
    let (unblock, wait) = mpsc::channel();
    let settings = Settings::new(directory.join("spool"));
    let open = move || {
        let _ = wait.recv();
        Spool::open(settings, START_MS)
    };
    let queue = DeliveryQueue::open(open, memory_bytes, Arc::new(UpstreamStatus::new("logs"))).unwrap();
    (queue, unblock)
}

fn put(queue: &DeliveryQueue, number: u32, bytes: usize) {
    let body = vec![b'x'; bytes];
    let key = b"g\0s".to_vec();
    queue.put(Block { events: number, time_unix_ms: START_MS, key, body }).unwrap();
}

/// Waits until the published statistics satisfy `is_expected`.
fn wait_for(queue: &DeliveryQueue, is_expected: impl Fn(&insightd_spool::Stats) -> bool) {
    while !is_expected(&queue.stats()) {
        std::thread::yield_now();
    }
}

#[test]
fn blocks_wait_in_memory_while_the_disk_is_stalled() {
    let directory = tempfile::tempdir().unwrap();
    let (queue, unblock) = stalled(directory.path(), 1 << 20);
    for number in 1..=10 {
        put(&queue, number, 100);
        queue.end_tick(START_MS);
    }
    let stats = queue.stats();
    assert_eq!((stats.pending.blocks, stats.in_memory.events, stats.lost.total().events), (10, 55, 0));
    assert!(matches!(stats.mode, StorageMode::Memory { .. }), "{stats:?}");
    assert!(queue.status().snapshot().error.unwrap().contains("has not responded"));
    unblock.send(()).unwrap();
    wait_for(&queue, |stats| stats.in_memory.blocks == 0 && stats.mode == StorageMode::Disk);
    put(&queue, 11, 100);
    assert_eq!(queue.stats().pending.events, 66);
    drop(queue);
    let spool = Spool::open(Settings::new(directory.path().join("spool")), START_MS);
    assert_eq!(spool.stats().pending.events, 66, "everything is on disk");
}

#[test]
fn a_full_queue_drops_and_counts_the_oldest_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let (queue, unblock) = stalled(directory.path(), 10_000);
    // Three of these blocks fit.
    (1..=8).for_each(|number| put(&queue, number, 3_000));
    let stats = queue.stats();
    assert_eq!(
        (stats.pending.events, stats.lost.by(Cause::MemoryFull).events),
        (6 + 7 + 8, 1 + 2 + 3 + 4 + 5)
    );
    assert_eq!(queue.lost_events(), 15);
    // A block that is larger than the whole bound waits alone.
    put(&queue, 9, 20_000);
    assert_eq!((queue.stats().pending.events, queue.lost_events()), (9, 36));
    unblock.send(()).unwrap();
    wait_for(&queue, |stats| stats.in_memory.blocks == 0 && stats.mode == StorageMode::Disk);
    assert_eq!((queue.stats().pending.events, queue.lost_events()), (9, 36));
}

/// No task of the runtime waits for the disk: calls return at once, and the end is bounded.
#[tokio::test]
async fn neither_delivery_nor_shutdown_waits_for_a_stalled_disk() {
    let directory = tempfile::tempdir().unwrap();
    let (queue, unblock) = stalled(directory.path(), 1 << 20);
    let (stop, stopped) = watch::channel(false);
    let run =
        super::super::run(queue.clone(), Arc::new(Service::default()), 2, fastrand::Rng::new(), stopped);
    let task = tokio::spawn(run);
    let ticking = queue.clone();
    let tick = std::thread::spawn(move || {
        put(&ticking, 3, 100);
        ticking.end_tick(START_MS);
    });
    tokio::task::yield_now().await;
    assert!(queue.stats().disk_bytes == 0 && queue.counts() == Default::default());
    // The time limit is polled first and fails the test if `close` hangs.
    let unsaved = tokio::select! {
        biased;
        _ = tokio::time::sleep(TICK_WAIT * 10) => panic!("shutdown waits for the disk"),
        unsaved = async {
            tick.join().unwrap();
            stop.send(true).unwrap();
            queue.close(Duration::from_millis(100)).await
        } => unsaved,
    };
    assert_eq!(unsaved, 3, "counted by the caller of `close`");
    drop(unblock);
    let _ = task.await;
}

#[test]
fn blocks_after_shutdown_are_counted_as_lost() {
    let directory = tempfile::tempdir().unwrap();
    let (queue, unblock) = stalled(directory.path(), 1 << 20);
    unblock.send(()).unwrap();
    put(&queue, 2, 10);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(queue.close(Duration::from_secs(60))), 0);
    put(&queue, 5, 10);
    assert_eq!(queue.lost_events(), 5);
}
