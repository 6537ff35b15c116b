use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn counter_cache() -> CounterCache {
    CounterCache::new(Duration::from_secs(600))
}

#[test]
fn a_first_reading_has_no_previous_one() {
    let mut counter_cache = counter_cache();
    assert_eq!(counter_cache.record("a", 1, "x", 10, SECOND), None);
    assert_eq!(counter_cache.record("a", 1, "x", 15, 3 * SECOND), Some((10, 2 * SECOND)));
    assert_eq!(counter_cache.record("a", 1, "y", 15, 3 * SECOND), None);
    assert_eq!(counter_cache.record("b", 1, "x", 15, 3 * SECOND), None);
}

#[test]
fn a_reset_counter_is_the_next_baseline() {
    let mut counter_cache = counter_cache();
    counter_cache.record("a", 1, "x", 1000, SECOND);
    assert_eq!(counter_cache.record("a", 1, "x", 3, 2 * SECOND), None);
    assert_eq!(counter_cache.record("a", 1, "x", 5, 3 * SECOND), Some((3, SECOND)));
}

#[test]
fn another_identity_resets_all_counters() {
    let mut counter_cache = counter_cache();
    counter_cache.record("a", 1, "x", 10, SECOND);
    counter_cache.record("a", 1, "y", 10, SECOND);
    assert_eq!(counter_cache.record("a", 2, "x", 20, 2 * SECOND), None);
    assert_eq!(counter_cache.record("a", 2, "y", 20, 2 * SECOND), None);
    assert_eq!(counter_cache.record("a", 2, "x", 21, 3 * SECOND), Some((20, SECOND)));
}

#[test]
fn a_missed_tick_lengthens_the_interval() {
    let mut counter_cache = counter_cache();
    counter_cache.record("a", 1, "x", 10, 60 * SECOND);
    counter_cache.end_of_tick(60 * SECOND);
    counter_cache.end_of_tick(120 * SECOND);
    assert_eq!(counter_cache.record("a", 1, "x", 40, 180 * SECOND), Some((10, 120 * SECOND)));
}

#[test]
fn readings_too_close_together_keep_the_baseline() {
    let mut counter_cache = counter_cache();
    counter_cache.record("a", 1, "x", 10, SECOND);
    assert_eq!(counter_cache.record("a", 1, "x", 11, SECOND + 50_000), None);
    assert_eq!(counter_cache.record("a", 1, "x", 12, SECOND + 50_001), Some((10, 50_001)));
    // a reset is detected regardless of the time since the last reading
    assert_eq!(counter_cache.record("a", 1, "x", 2, SECOND + 50_002), None);
    assert_eq!(counter_cache.record("a", 1, "x", 4, 2 * SECOND), Some((2, SECOND - 50_002)));
}

#[test]
fn unseen_owners_are_dropped_after_at_least_three_ticks() {
    let mut counter_cache = counter_cache();
    counter_cache.record("a", 1, "x", 10, 0);
    counter_cache.record("slow", 1, "x", 10, 0);
    for tick in 0..9 {
        counter_cache.record("a", 1, "x", 10 + tick, tick * 60 * SECOND);
        counter_cache.end_of_tick(tick * 60 * SECOND);
    }
    assert_eq!(counter_cache.len(), 2);
    counter_cache.end_of_tick(620 * SECOND);
    assert_eq!(counter_cache.len(), 1, "only what was seen lately");

    let mut hourly = CounterCache::new(Duration::from_secs(600));
    hourly.record("a", 1, "x", 10, 0);
    hourly.end_of_tick(0);
    hourly.end_of_tick(3600 * SECOND);
    assert_eq!(hourly.record("a", 1, "x", 20, 7200 * SECOND), Some((10, 7200 * SECOND)));
}

#[test]
fn memory_does_not_grow_with_churn() {
    let mut counter_cache = counter_cache();
    for tick in 0..2_000u64 {
        for owner in 0..10 {
            let name = format!("{}", tick * 10 + owner);
            counter_cache.record(&name, tick, "x", 1, tick * 60 * SECOND);
        }
        counter_cache.end_of_tick(tick * 60 * SECOND);
    }
    assert!(counter_cache.len() <= 120, "{}", counter_cache.len());
    assert!(counter_cache.owners.capacity() <= 1024, "{}", counter_cache.owners.capacity());
}

/// Value and time, by counter.
type Readings = HashMap<u8, (u64, u64)>;

/// Generates readings: owner, identity (one of two), counter, value, and time since the last one.
fn readings() -> impl Strategy<Value = Vec<(u8, u64, u8, u64, u64)>> {
    let elapsed = prop_oneof![Just(0), 1..100_000u64, SECOND..100 * SECOND];
    prop::collection::vec((0..4u8, 0..2u64, 0..3u8, 0..50u64, elapsed), 0..200)
}

proptest! {
    #[test]
    fn agrees_with_a_plain_model(readings in readings()) {
        const COUNTERS: [&str; 3] = ["x", "y", "z"];
        let mut counter_cache = counter_cache();
        let mut model: HashMap<u8, (u64, Readings)> = HashMap::new();
        let mut now = 0;
        for (owner, identity, counter, value, elapsed) in readings {
            now += elapsed;
            let known = model.entry(owner).or_insert((identity, HashMap::new()));
            if known.0 != identity {
                *known = (identity, HashMap::new());
            }
            let expected = match known.1.get(&counter).copied() {
                Some((before, _)) if value < before => { known.1.insert(counter, (value, now)); None }
                Some((_, at)) if now - at <= 50_000 => None,
                Some((before, at)) => { known.1.insert(counter, (value, now)); Some((before, now - at)) }
                None => { known.1.insert(counter, (value, now)); None }
            };
            let got = counter_cache.record(&owner.to_string(), identity, COUNTERS[usize::from(counter)], value, now);
            prop_assert_eq!(got, expected);
        }
    }
}
