//! A thousand agents whose service returns after an hour.

use super::super::{Courier, Ended};
use super::*;

/// Returns when each of `count` agents first reaches the service after an outage of `away`. All fail at the same moment,
/// as at the end of a common tick, and then retry as scheduled.
fn first_heard(count: u64, away: Duration) -> Vec<Duration> {
    let agent = |seed| {
        let mut courier = Courier::new(2, fastrand::Rng::with_seed(seed));
        let mut now = Duration::ZERO;
        loop {
            assert!(courier.may_send(now));
            let began = courier.sent();
            if now >= away {
                return now - away;
            }
            courier.ended(&0, began, Ended::Everything(Trouble::Unavailable), now);
            now = courier.next_look(now).unwrap_or(now);
        }
    };
    (0..count).map(agent).collect()
}

#[test]
fn after_an_outage_a_fleet_comes_back_evenly() {
    let mut heard = first_heard(1000, Duration::from_secs(3600));
    heard.sort();
    assert!(heard.last().unwrap() <= &Duration::from_secs(60), "all are back within the longest wait");
    let in_second = |second: u64| heard.iter().filter(|time| time.as_secs() == second).count();
    let busiest = (0..60).map(in_second).max().unwrap();
    let quarters: Vec<usize> =
        (0..4).map(|quarter| (quarter * 15..quarter * 15 + 15).map(in_second).sum()).collect();
    println!("first heard: busiest second {busiest} of 1000; by quarters of a minute {quarters:?}");
    // With waits uniform in 0..60 s there is no wave: 2 * 1000 / 60 = 33 agents in the first second, fewer in each later one.
    assert!(busiest <= 60, "{busiest}");
    assert!(quarters[0] < 550, "{quarters:?}");
    assert!(quarters.is_sorted_by(|a, b| a >= b), "{quarters:?}");
}

#[test]
fn requests_that_fail_together_are_one_failure() {
    let mut courier = Courier::new(4, fastrand::Rng::with_seed(3));
    let now = Duration::ZERO;
    for _ in 0..4 {
        let began = courier.sent();
        courier.ended(&1, began, Ended::Settled, now);
    }
    let began: Vec<_> = (0..4).map(|_| courier.sent()).collect();
    assert!(!courier.may_send(now), "four are under way");
    began
        .into_iter()
        .for_each(|began| courier.ended(&1, began, Ended::Everything(Trouble::Unavailable), now));
    assert_eq!(courier.failures(), 1);
    let later = courier.next_look(now).unwrap();
    assert!(later <= Duration::from_secs(1));
    let began = courier.sent();
    assert!(!courier.may_send(later), "after trouble one goes first");
    courier.ended(&1, began, Ended::Settled, later);
    courier.sent();
    assert!(courier.may_send(later), "then two");
}
