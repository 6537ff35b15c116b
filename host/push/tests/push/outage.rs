//! Two hours without the endpoint, by a paused clock: a request each minute, and each arrives once.

use std::time::Duration;

use tokio::time::sleep;

use crate::faults::{Agent, TIME_MS, queue};
use crate::numbered::{BOTH, Wire};
use crate::server::{Script, Server};

/// Lets a minute pass. The spool's thread and the sockets need real time, in which the paused clock stands still.
async fn minute() {
    for _ in 0..6 {
        sleep(Duration::from_secs(10)).await;
        settle().await;
    }
}

/// Waits for a few milliseconds: the clock does not run ahead while a blocking task runs.
async fn settle() {
    tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(3))).await.unwrap();
}

async fn outage(wire: Wire) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(Script::Close).await;
    let queue = queue(directory.path());
    let agent = Agent::start_at(&server.url, wire.protocol(), queue.clone());
    for number in 0..125 {
        match number {
            60 => server.switch(Script::Status(503, "", b"")),
            120 => {
                assert_eq!((queue.counts().accepted_events, queue.lost_events()), (0, 0));
                server.switch(wire.accepting());
            }
            _ => {}
        }
        wire.put(&queue, number, TIME_MS + 60_000 * u64::from(number));
        minute().await;
    }
    let failed = queue.counts().failed_requests as usize;
    while queue.stats().pending.blocks > 0 {
        sleep(Duration::from_secs(10)).await;
        settle().await;
    }
    let counts = queue.counts();
    assert_eq!((counts.accepted_events, counts.undeliverable_events, queue.lost_events()), (125, 0, 0));
    drop(agent);
    let arrived = wire.numbers(&server.requests()[failed..]);
    // The waits after failures are at most a minute, half of it on average.
    assert!((20..800).contains(&failed), "{failed} requests in two hours");
    let mut sorted = arrived.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..125).collect::<Vec<_>>(), "each once");
    match wire {
        Wire::RemoteWrite => assert_eq!(arrived, sorted, "oldest first"),
        Wire::Otlp => assert_ne!(arrived, sorted, "the request of the tick first, then the backlog"),
    }
    println!("{wire:?}: 2 h, 125 requests produced and accepted, 0 twice, 0 lost; {failed} failed meanwhile");
}

#[tokio::test(start_paused = true)]
async fn two_hours_of_outage_lose_nothing() {
    for wire in BOTH {
        outage(wire).await;
    }
}
