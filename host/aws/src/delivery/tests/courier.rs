//! Backoffs and the events that end them.

use super::super::{Courier, Ended};
use super::*;

const NOW: Duration = Duration::ZERO;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn throttled(after: u64) -> Ended {
    Ended::Everything(Trouble::Throttled(Some(seconds(after))))
}

/// Returns a scheduler with three requests in flight.
fn three() -> (Courier<u32>, [super::super::Began; 3]) {
    let mut courier = Courier::new(3, fastrand::Rng::with_seed(1));
    for _ in 0..3 {
        let began = courier.sent();
        courier.ended(&1, began, Ended::Settled, NOW);
    }
    let began = [courier.sent(), courier.sent(), courier.sent()];
    (courier, began)
}

#[test]
fn what_was_under_way_before_does_not_end_a_hold() {
    for other in [Ended::Settled, Ended::Destination(Trouble::Refused)] {
        let (mut courier, [first, second, third]) = three();
        courier.ended(&1, first, throttled(60), NOW);
        courier.ended(&1, second, other, NOW);
        courier.ended(&1, third, other, NOW);
        assert!(!courier.may_send(seconds(59)), "{other:?}");
        let later = courier.next_look(NOW).unwrap();
        assert!((60..=62).contains(&later.as_secs()));
        let began = courier.sent();
        assert!(!courier.may_send(later), "one goes first");
        courier.ended(&2, began, Ended::Settled, later);
        assert!(courier.may_send(later) && courier.failures() == 0);
    }
}

#[test]
fn a_destination_that_takes_something_is_not_refused_any_more() {
    let (mut courier, [first, second, _]) = three();
    courier.ended(&1, first, Ended::Destination(Trouble::Refused), NOW);
    assert!(!courier.may_send_to(&1, NOW) && courier.may_send_to(&2, NOW));
    courier.ended(&1, second, Ended::Settled, NOW);
    assert!(courier.may_send_to(&1, NOW));
    // A throttling service that accepts an earlier request still wants fewer requests.
    let (mut courier, [first, second, _]) = three();
    courier.ended(&1, first, Ended::Destination(Trouble::Throttled(Some(seconds(60)))), NOW);
    courier.ended(&1, second, Ended::Settled, NOW);
    assert!(!courier.may_send_to(&1, seconds(59)));
}

#[test]
fn the_longest_wish_of_several_counts() {
    let (mut courier, [first, second, third]) = three();
    courier.ended(&1, first, throttled(1), NOW);
    courier.ended(&1, second, throttled(100), NOW);
    courier.ended(&1, third, throttled(5), NOW);
    assert!(!courier.may_send(seconds(99)));
    assert!(courier.may_send(seconds(110)));
    assert_eq!(courier.failures(), 1);
}

#[test]
fn the_number_of_holds_is_bounded() {
    let mut courier = Courier::new(1, fastrand::Rng::with_seed(1));
    for destination in 0..20_000_u32 {
        let began = courier.sent();
        courier.ended(&destination, began, Ended::Destination(Trouble::Refused), NOW);
    }
    let held = courier.held(NOW).len();
    assert!((1000..=4096).contains(&held), "{held}");
}
