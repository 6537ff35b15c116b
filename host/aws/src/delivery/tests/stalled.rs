//! A spool whose disk does not respond: its thread is blocked, as by a stalled volume.

use std::sync::mpsc;

use insightd_spool::{Cause, Mode};

use super::super::TICK_WAIT;
use super::*;

/// Creates a delivery queue whose spool opens once a message is sent.
fn stalled(directory: &std::path::Path, memory_bytes: u64) -> (Outbox, mpsc::Sender<()>) {
    let (go_on, wait) = mpsc::channel();
    let settings = Settings::in_folder(directory.join("spool"));
    let open = move || {
        let _ = wait.recv();
        Spool::open(settings, START_MS)
    };
    let outbox = Outbox::open(open, memory_bytes, Arc::new(Status::new("logs"))).unwrap();
    (outbox, go_on)
}

fn put(outbox: &Outbox, number: u32, bytes: usize) {
    let body = vec![b'x'; bytes];
    let block = NewBlock { key: b"g\0s", events: number, time_unix_ms: START_MS, body: &body };
    outbox.put(&block).unwrap();
}

/// Waits until the published statistics satisfy `what`.
fn wait_for(outbox: &Outbox, what: impl Fn(&insightd_spool::Stats) -> bool) {
    while !what(&outbox.stats()) {
        std::thread::yield_now();
    }
}

#[test]
fn what_the_disk_does_not_answer_to_waits_in_memory_and_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (outbox, go_on) = stalled(directory.path(), 1 << 20);
    for number in 1..=10 {
        put(&outbox, number, 100);
        outbox.end_tick(START_MS);
    }
    let stats = outbox.stats();
    assert_eq!((stats.pending.blocks, stats.in_memory.events, stats.lost.total().events), (10, 55, 0));
    assert!(matches!(stats.mode, Mode::Memory { .. }), "{stats:?}");
    assert!(outbox.status().snapshot().error.unwrap().contains("has not responded"));
    go_on.send(()).unwrap();
    wait_for(&outbox, |stats| stats.in_memory.blocks == 0 && stats.mode == Mode::Disk);
    put(&outbox, 11, 100);
    assert_eq!(outbox.stats().pending.events, 66);
    drop(outbox);
    let spool = Spool::open(Settings::in_folder(directory.path().join("spool")), START_MS);
    assert_eq!(spool.stats().pending.events, 66, "all of it is on disk");
}

#[test]
fn a_full_queue_drops_the_oldest_and_counts_it() {
    let directory = tempfile::tempdir().unwrap();
    let (outbox, go_on) = stalled(directory.path(), 10_000);
    // Three of these blocks fit.
    (1..=8).for_each(|number| put(&outbox, number, 3_000));
    let stats = outbox.stats();
    assert_eq!(
        (stats.pending.events, stats.lost.by(Cause::MemoryFull).events),
        (6 + 7 + 8, 1 + 2 + 3 + 4 + 5)
    );
    assert_eq!(outbox.lost_events(), 15);
    // A block that is larger than the whole bound waits alone.
    put(&outbox, 9, 20_000);
    assert_eq!((outbox.stats().pending.events, outbox.lost_events()), (9, 36));
    go_on.send(()).unwrap();
    wait_for(&outbox, |stats| stats.in_memory.blocks == 0 && stats.mode == Mode::Disk);
    assert_eq!((outbox.stats().pending.events, outbox.lost_events()), (9, 36));
}

/// No task of the runtime waits for the disk: calls return at once, and the end is bounded.
#[tokio::test]
async fn neither_the_task_nor_the_end_waits_for_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let (outbox, go_on) = stalled(directory.path(), 1 << 20);
    let (stop, stopped) = watch::channel(false);
    let run =
        super::super::run(outbox.clone(), Arc::new(Service::default()), 2, fastrand::Rng::new(), stopped);
    let task = tokio::spawn(run);
    let ticking = outbox.clone();
    let tick = std::thread::spawn(move || {
        put(&ticking, 3, 100);
        ticking.end_tick(START_MS);
    });
    tokio::task::yield_now().await;
    assert!(outbox.stats().disk_bytes == 0 && outbox.counts() == Default::default());
    // The time limit is polled first and fails the test if `close` hangs.
    let unsaved = tokio::select! {
        biased;
        _ = tokio::time::sleep(TICK_WAIT * 10) => panic!("it waits for the disk"),
        unsaved = async {
            tick.join().unwrap();
            stop.send(true).unwrap();
            outbox.close(Duration::from_millis(100)).await
        } => unsaved,
    };
    assert_eq!(unsaved, 3, "said, and counted by the one who ends");
    drop(go_on);
    let _ = task.await;
}

#[test]
fn what_comes_after_the_end_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let (outbox, go_on) = stalled(directory.path(), 1 << 20);
    go_on.send(()).unwrap();
    put(&outbox, 2, 10);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(outbox.close(Duration::from_secs(60))), 0);
    put(&outbox, 5, 10);
    assert_eq!(outbox.lost_events(), 5);
}
