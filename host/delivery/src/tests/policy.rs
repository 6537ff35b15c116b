use super::super::policy::{bounds, draw_wait};
use super::*;

/// The waits agree with the table in the module documentation.
#[test]
fn waits_agree_with_the_documented_table() {
    let seconds = Duration::from_secs;
    let table = [
        (RetryClass::Unavailable, vec![1, 2, 4, 8, 16, 32, 60, 60]),
        (RetryClass::Throttled(None), vec![2, 4, 8, 16, 32, 64, 120, 120]),
        (RetryClass::Refused, vec![10, 20, 40, 80, 160, 300, 300]),
    ];
    for (retry_class, ceilings) in table {
        for (failures, ceiling) in (1..).zip(ceilings) {
            let mut random = fastrand::Rng::with_seed(7);
            let drawn: Vec<Duration> =
                (0..2000).map(|_| draw_wait(retry_class, failures, &mut random)).collect();
            let (least, most) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
            assert!(*most <= seconds(ceiling), "{retry_class:?} {failures}: {most:?}");
            // Full jitter: waits cover the whole range.
            assert!(*most > seconds(ceiling).mul_f64(0.99), "{retry_class:?} {failures}: {most:?}");
            assert!(*least < seconds(ceiling).mul_f64(0.01), "{retry_class:?} {failures}: {least:?}");
        }
        assert!(bounds(retry_class).first <= bounds(retry_class).max);
    }
}

#[test]
fn retry_after_is_a_lower_bound_of_the_wait() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..500 {
        let drawn = draw_wait(RetryClass::Throttled(Some(Duration::from_secs(30))), 1, &mut random);
        assert!((30..=32).contains(&drawn.as_secs()), "{drawn:?}");
    }
    let silly = draw_wait(RetryClass::Throttled(Some(Duration::from_secs(1_000_000))), 1, &mut random);
    assert!(silly <= Duration::from_secs(902), "{silly:?}");
}

#[test]
fn any_number_of_failures_has_a_bounded_wait() {
    let mut random = fastrand::Rng::with_seed(1);
    assert!(draw_wait(RetryClass::Unavailable, u32::MAX, &mut random) <= Duration::from_secs(60));
    assert!(draw_wait(RetryClass::Unavailable, 0, &mut random) <= Duration::from_secs(1));
}
