//! Backoffs and the events that end them.

use super::super::scheduler::{Outcome, SendScheduler, SendTicket};
use super::*;

const NOW: Duration = Duration::ZERO;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn throttled(after: u64) -> Outcome {
    Outcome::Service(RetryClass::Throttled(Some(seconds(after))))
}

/// Returns a scheduler with three requests in flight.
fn three_in_flight() -> (SendScheduler<u32>, [SendTicket; 3]) {
    let mut scheduler = SendScheduler::new(3, fastrand::Rng::with_seed(1));
    for _ in 0..3 {
        let ticket = scheduler.begin();
        scheduler.finish(&1, ticket, Outcome::Settled, NOW);
    }
    let tickets = [scheduler.begin(), scheduler.begin(), scheduler.begin()];
    (scheduler, tickets)
}

#[test]
fn earlier_requests_do_not_end_a_backoff() {
    for other in [Outcome::Settled, Outcome::Destination(RetryClass::Refused)] {
        let (mut scheduler, [first, second, third]) = three_in_flight();
        scheduler.finish(&1, first, throttled(60), NOW);
        scheduler.finish(&1, second, other, NOW);
        scheduler.finish(&1, third, other, NOW);
        assert!(!scheduler.may_send(seconds(59)), "{other:?}");
        let later = scheduler.next_expiry(NOW).unwrap();
        assert!((60..=62).contains(&later.as_secs()));
        let ticket = scheduler.begin();
        assert!(!scheduler.may_send(later), "one request at first");
        scheduler.finish(&2, ticket, Outcome::Settled, later);
        assert!(scheduler.may_send(later) && scheduler.failures() == 0);
    }
}

#[test]
fn an_accepted_request_ends_the_backoff_of_its_destination() {
    let (mut scheduler, [first, second, _]) = three_in_flight();
    scheduler.finish(&1, first, Outcome::Destination(RetryClass::Refused), NOW);
    assert!(!scheduler.may_send_to(&1, NOW) && scheduler.may_send_to(&2, NOW));
    scheduler.finish(&1, second, Outcome::Settled, NOW);
    assert!(scheduler.may_send_to(&1, NOW));
    // A throttling service that accepts an earlier request still wants fewer requests.
    let (mut scheduler, [first, second, _]) = three_in_flight();
    scheduler.finish(&1, first, Outcome::Destination(RetryClass::Throttled(Some(seconds(60)))), NOW);
    scheduler.finish(&1, second, Outcome::Settled, NOW);
    assert!(!scheduler.may_send_to(&1, seconds(59)));
}

#[test]
fn the_longest_requested_wait_wins() {
    let (mut scheduler, [first, second, third]) = three_in_flight();
    scheduler.finish(&1, first, throttled(1), NOW);
    scheduler.finish(&1, second, throttled(100), NOW);
    scheduler.finish(&1, third, throttled(5), NOW);
    assert!(!scheduler.may_send(seconds(99)));
    assert!(scheduler.may_send(seconds(110)));
    assert_eq!(scheduler.failures(), 1);
}

#[test]
fn the_number_of_backoffs_is_bounded() {
    let mut scheduler = SendScheduler::new(1, fastrand::Rng::with_seed(1));
    for destination in 0..20_000_u32 {
        let ticket = scheduler.begin();
        scheduler.finish(&destination, ticket, Outcome::Destination(RetryClass::Refused), NOW);
    }
    let in_backoff = scheduler.in_backoff(NOW).len();
    assert!((1000..=4096).contains(&in_backoff), "{in_backoff}");
}
