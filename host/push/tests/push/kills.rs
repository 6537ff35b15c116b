//! An agent is killed at random points while it sends, and its successor continues with the same spool.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::faults::{Agent, TIME_MS, queue};
use crate::killed::{self, Child};
use crate::numbered::{Wire, first_occurrences};
use crate::remote_write::ALL;
use crate::server::{Script, Server};

const KILLS: u32 = 30;

/// Returns false unless this process is to be killed: then it puts and delivers requests.
async fn child(wire: Wire) -> bool {
    let Some(arguments) = killed::arguments() else { return false };
    let [url, directory, first] = &arguments[..] else { panic!("{arguments:?}") };
    let queue = queue(Path::new(directory));
    let _agent = Agent::start_at(url, wire.protocol(), queue.clone());
    for number in first.parse::<u32>().unwrap().. {
        wire.put(&queue, number, TIME_MS + u64::from(number));
        killed::report(number);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

async fn kill(wire: Wire, test: &str) {
    if child(wire).await {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(Script::Slow(Duration::from_millis(15), ALL)).await;
    let (mut put, mut random) = (Vec::new(), fastrand::Rng::with_seed(11));
    let path = directory.path().to_str().unwrap();
    for number in 0..KILLS {
        let child = Child::start(test, &[&server.url, path, &(number * 100_000).to_string()]);
        tokio::time::sleep(Duration::from_millis(random.u64(60..400))).await;
        put.extend(child.kill());
    }
    let last = queue(directory.path());
    // Returns when the spool's thread has found what the others left.
    last.end_tick(TIME_MS);
    let agent = Agent::start_at(&server.url, wire.protocol(), last.clone());
    let (counts, lost) = agent.counts().await;
    assert_eq!((counts.undeliverable_events, counts.rejected_points, lost), (0, 0, 0));

    let arrived = wire.numbers(&server.requests());
    let once = first_occurrences(&arrived);
    let stored: BTreeSet<u32> = arrived.iter().copied().collect();
    let missing: Vec<u32> = put.iter().copied().filter(|number| !stored.contains(number)).collect();
    let duplicates = arrived.len() - once.len();
    println!("{wire:?}: killed {KILLS} times: {} put, {} stored, {duplicates} twice", put.len(), once.len());
    assert_eq!(missing, Vec::<u32>::new());
    // One request is in flight at each kill, and it may have been processed without being recorded.
    assert!(duplicates <= KILLS as usize, "{duplicates}");
    assert!(put.len() > 50, "it did something in between: {}", put.len());
    if wire == Wire::RemoteWrite {
        assert!(once.is_sorted(), "oldest first, over all agents: {once:?}");
    }
}

#[tokio::test]
async fn otlp_loses_nothing_when_the_agent_is_killed() {
    kill(Wire::Otlp, "kills::otlp_loses_nothing_when_the_agent_is_killed").await;
}

#[tokio::test]
async fn remote_write_loses_nothing_and_keeps_the_order_when_the_agent_is_killed() {
    let test = "kills::remote_write_loses_nothing_and_keeps_the_order_when_the_agent_is_killed";
    kill(Wire::RemoteWrite, test).await;
}
