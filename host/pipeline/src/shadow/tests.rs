use super::*;

fn outcome(events: u64, bytes: u64, metrics: &[&str]) -> ShadowResult {
    let metrics = metrics.iter().map(|name| (*name).to_owned()).collect();
    ShadowResult { events, bytes, metrics, ..ShadowResult::default() }
}

#[test]
fn near_enough_or_beyond_a_bound() {
    let running = outcome(100, 1000, &["a", "b", "c", "d"]);
    let bounds = Bounds::default();
    let check = |new: &ShadowResult| new.check(&running, &bounds).map_err(|violation| violation.to_string());
    assert_eq!(check(&running), Ok(()));
    assert_eq!(check(&outcome(50, 2000, &["a", "b", "x", "y", "z", "w"])), Ok(()));
    for (new, wanted) in [
        (outcome(49, 1000, &["a", "b"]), "events: 49 instead of 100, beyond `rollout.bounds.events_less`"),
        (outcome(151, 1000, &["a", "b"]), "beyond `rollout.bounds.events_more`"),
        (outcome(100, 2001, &["a", "b"]), "bytes of events: 2001 instead of 1000"),
        (
            outcome(100, 10, &["a"]),
            "metric names: 1 instead of 4, beyond `rollout.bounds.metrics_less`; gone: 3 such as b, c, d",
        ),
        (outcome(100, 10, &["a", "b", "c", "1", "2", "3", "4", "5"]), "new: 5 such as 1, 2, 3"),
    ] {
        let error = check(&new).unwrap_err();
        assert!(error.contains(wanted), "{error}");
    }
    let declares = |names: &[&str]| ShadowResult {
        declared: names.iter().map(|name| (*name).to_owned()).collect(),
        ..running.clone()
    };
    let (defaults, own) = (declares(&["a", "b", "c"]), declares(&["own"]));
    let error = own.check(&defaults, &bounds).unwrap_err().to_string();
    assert_eq!(
        error,
        "declared metrics: 1 instead of 3, beyond `rollout.bounds.declared_less`; gone: 3 such as a, b, c"
    );
    assert_eq!(declares(&["a", "b", "own"]).check(&defaults, &bounds), Ok(()));
    let nothing = ShadowResult::default();
    assert_eq!(running.check(&nothing, &bounds), Ok(()), "no batch to compare with");
    assert!(nothing.check(&running, &bounds).is_err(), "a component that returns nothing");
}

#[test]
fn series_have_a_bound_although_events_and_names_stay() {
    let with = |count| ShadowResult { series: (0..count).collect(), ..outcome(10, 100, &["a"]) };
    assert_eq!(with(20).check(&with(10), &Bounds::default()), Ok(()));
    let error = with(21).check(&with(10), &Bounds::default()).unwrap_err();
    assert_eq!(error.to_string(), "series: 21 instead of 10, beyond `rollout.bounds.series_more`");
    assert_eq!(with(1000).check(&with(0), &Bounds::default()), Ok(()), "there was nothing to compare with");
}

#[test]
fn cpu_time_has_a_bound_and_a_floor() {
    let ms = Duration::from_millis;
    let bounds = Bounds::default();
    let with = |cpu| ShadowResult { cpu, ..outcome(10, 10, &[]) };
    for (old, new) in [(1, 101), (0, 100), (50, 150), (51, 153), (500, 1500)] {
        assert_eq!(with(ms(new)).check(&with(ms(old)), &bounds), Ok(()), "{old} to {new} ms");
    }
    for (old, new) in [(1, 102), (0, 101), (49, 150), (50, 151), (500, 1501)] {
        let error = with(ms(new)).check(&with(ms(old)), &bounds).unwrap_err().to_string();
        let wanted =
            format!("CPU time of a batch: {new} ms instead of {old} ms, beyond `rollout.bounds.cpu_more`");
        assert_eq!(error, wanted);
        assert_eq!(with(ms(new)).check(&with(ms(old)), &Bounds::NONE), Ok(()));
    }
    let nothing = ShadowResult::default();
    assert_eq!(with(ms(900)).check(&nothing, &bounds), Ok(()), "no batch to compare with");
}

#[test]
fn a_failure_counts_only_if_the_running_bundle_does_not_fail() {
    let failed = |slot: &str| ShadowResult {
        failed: vec![(slot.to_owned(), "trap".to_owned())],
        ..outcome(10, 10, &[])
    };
    let bounds = Bounds::default();
    let error = failed("node/a").check(&outcome(10, 10, &[]), &bounds).unwrap_err();
    assert_eq!(error.to_string(), "node/a fails on the last batch: trap");
    assert_eq!(failed("node/a").check(&failed("node/a"), &bounds), Ok(()));
    assert!(failed("node/a").check(&failed("node/b"), &bounds).is_err());
    let rejected = ShadowResult { rejected: (3, "log_group".into()), ..outcome(10, 10, &[]) };
    assert!(rejected.check(&outcome(10, 10, &[]), &bounds).is_err());
}
