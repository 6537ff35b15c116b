use super::super::{wait, waits};
use super::*;

/// The waits agree with the table in the module documentation.
#[test]
fn waits_are_drawn_from_the_written_table() {
    let seconds = Duration::from_secs;
    let table = [
        (Trouble::Unavailable, vec![1, 2, 4, 8, 16, 32, 60, 60]),
        (Trouble::Throttled(None), vec![2, 4, 8, 16, 32, 64, 120, 120]),
        (Trouble::Refused, vec![10, 20, 40, 80, 160, 300, 300]),
    ];
    for (trouble, ceilings) in table {
        for (failures, ceiling) in (1..).zip(ceilings) {
            let mut random = fastrand::Rng::with_seed(7);
            let drawn: Vec<Duration> = (0..2000).map(|_| wait(trouble, failures, &mut random)).collect();
            let (least, most) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
            assert!(*most <= seconds(ceiling), "{trouble:?} {failures}: {most:?}");
            // Full jitter: waits cover the whole range.
            assert!(*most > seconds(ceiling).mul_f64(0.99), "{trouble:?} {failures}: {most:?}");
            assert!(*least < seconds(ceiling).mul_f64(0.01), "{trouble:?} {failures}: {least:?}");
        }
        assert!(waits(trouble).first <= waits(trouble).most);
    }
}

#[test]
fn a_server_that_says_when_is_not_asked_earlier() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..500 {
        let drawn = wait(Trouble::Throttled(Some(Duration::from_secs(30))), 1, &mut random);
        assert!((30..=32).contains(&drawn.as_secs()), "{drawn:?}");
    }
    let silly = wait(Trouble::Throttled(Some(Duration::from_secs(1_000_000))), 1, &mut random);
    assert!(silly <= Duration::from_secs(902), "{silly:?}");
}

#[test]
fn any_number_of_failures_is_survived() {
    let mut random = fastrand::Rng::with_seed(1);
    assert!(wait(Trouble::Unavailable, u32::MAX, &mut random) <= Duration::from_secs(60));
    assert!(wait(Trouble::Unavailable, 0, &mut random) <= Duration::from_secs(1));
}
