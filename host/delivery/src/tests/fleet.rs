//! A thousand agents whose service returns after an hour.

use super::super::scheduler::{Outcome, SendScheduler};
use super::*;

/// Returns when each of `count` agents first reaches the service after an `outage`. All fail at the same moment,
/// as at the end of a common tick, and then retry as scheduled.
fn first_successes(count: u64, outage: Duration) -> Vec<Duration> {
    let agent = |seed| {
        let mut scheduler = SendScheduler::new(2, fastrand::Rng::with_seed(seed));
        let mut now = Duration::ZERO;
        loop {
            assert!(scheduler.may_send(now));
            let ticket = scheduler.begin();
            if now >= outage {
                return now - outage;
            }
            scheduler.finish(&0, ticket, Outcome::Service(RetryClass::Unavailable), now);
            now = scheduler.next_expiry(now).unwrap_or(now);
        }
    };
    (0..count).map(agent).collect()
}

#[test]
fn a_fleet_returns_evenly_after_an_outage() {
    let mut times = first_successes(1000, Duration::from_secs(3600));
    times.sort();
    assert!(times.last().unwrap() <= &Duration::from_secs(60), "all are back within the longest wait");
    let in_second = |second: u64| times.iter().filter(|time| time.as_secs() == second).count();
    let busiest = (0..60).map(in_second).max().unwrap();
    let quarters: Vec<usize> =
        (0..4).map(|quarter| (quarter * 15..quarter * 15 + 15).map(in_second).sum()).collect();
    println!("first success: busiest second {busiest} of 1000; by quarters of a minute {quarters:?}");
    // With waits uniform in 0..60 s there is no wave: 2 * 1000 / 60 = 33 agents in the first second, fewer in each later one.
    assert!(busiest <= 60, "{busiest}");
    assert!(quarters[0] < 550, "{quarters:?}");
    assert!(quarters.is_sorted_by(|a, b| a >= b), "{quarters:?}");
}

#[test]
fn requests_that_fail_together_count_as_one_failure() {
    let mut scheduler = SendScheduler::new(4, fastrand::Rng::with_seed(3));
    let now = Duration::ZERO;
    for _ in 0..4 {
        let ticket = scheduler.begin();
        scheduler.finish(&1, ticket, Outcome::Settled, now);
    }
    let tickets: Vec<_> = (0..4).map(|_| scheduler.begin()).collect();
    assert!(!scheduler.may_send(now), "four are in flight");
    tickets
        .into_iter()
        .for_each(|ticket| scheduler.finish(&1, ticket, Outcome::Service(RetryClass::Unavailable), now));
    assert_eq!(scheduler.failures(), 1);
    let later = scheduler.next_expiry(now).unwrap();
    assert!(later <= Duration::from_secs(1));
    let ticket = scheduler.begin();
    assert!(!scheduler.may_send(later), "after a failure one request at first");
    scheduler.finish(&1, ticket, Outcome::Settled, later);
    scheduler.begin();
    assert!(scheduler.may_send(later), "then two");
}
