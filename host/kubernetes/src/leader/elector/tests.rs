use super::*;

fn second(second: u64) -> BootTime {
    BootTime::from_nanos(second * 1_000_000_000)
}

fn wall(second: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + second * 1_000 + 250).unwrap()
}

fn elector(identity: &str) -> Elector<u32> {
    Elector::new(identity, 60, Duration::from_secs(15))
}

fn found(object: u32, record: &Record) -> StoreResponse<u32> {
    StoreResponse::Found(LockState { object, raw: record.to_annotation(), record: record.clone() })
}

fn record(holder: &str, transitions: i64, renewed: i64) -> Record {
    Record {
        holder: holder.to_owned(),
        duration_seconds: 60,
        acquired: Some(truncated_to_seconds(wall(0))),
        renewed: Some(truncated_to_seconds(wall(renewed))),
        transitions,
    }
}

#[track_caller]
fn written(next: NextStep<u32>) -> Record {
    match next {
        NextStep::Send(StoreRequest::Create(record) | StoreRequest::Update(_, record)) => record,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn done(next: NextStep<u32>) -> AttemptOutcome {
    match next {
        NextStep::Done(outcome) => outcome,
        NextStep::Send(request) => panic!("{request:?}"),
    }
}

/// Returns a candidate that holds the lock since second 10.
fn leader() -> Elector<u32> {
    let mut elector = elector("a");
    assert!(matches!(elector.begin(second(10), wall(0)), StoreRequest::Get { is_consistent: false }));
    let record = written(elector.on_response(StoreResponse::Missing, second(10), wall(0)));
    assert_eq!(record, Record { transitions: 0, ..self::record("a", 0, 0) });
    assert_eq!(done(elector.on_response(found(1, &record), second(11), wall(1))), AttemptOutcome::Leading);
    elector
}

#[test]
fn leadership_is_counted_from_the_request() {
    let elector = leader();
    assert!(elector.is_leading(second(24)) && !elector.is_leading(second(25)));
    assert_eq!(elector.valid_until(), Some(second(25)));
}

#[test]
fn a_holder_renews_without_a_read_and_keeps_its_acquire_time() {
    let mut elector = leader();
    let StoreRequest::Update(1, renewal) = elector.begin(second(15), wall(5)) else { panic!() };
    assert_eq!(renewal, record("a", 0, 5));
    assert_eq!(done(elector.on_response(found(2, &renewal), second(15), wall(5))), AttemptOutcome::Leading);
    assert_eq!(elector.valid_until(), Some(second(30)));
}

#[test]
fn renewals_differ_even_if_the_wall_clock_is_set_back() {
    let mut elector = leader();
    for (step, wall_second) in [(1, -3_600), (2, 0), (3, 1), (4, 90)] {
        let StoreRequest::Update(_, renewal) = elector.begin(second(10 + 5 * step), wall(wall_second)) else {
            panic!()
        };
        assert_eq!(
            renewal.renewed,
            Some(truncated_to_seconds(wall(if step == 4 { 90 } else { step as i64 })))
        );
        elector.on_response(found(1, &renewal), second(10 + 5 * step), wall(wall_second));
    }
}

#[test]
fn the_lease_of_another_holder_is_measured_by_the_local_clock() {
    let mut elector = elector("b");
    let held = record("a", 4, -100_000);
    for now in [100, 130, 160] {
        elector.begin(second(now), wall(0));
        assert_eq!(
            done(elector.on_response(found(1, &held), second(now), wall(0))),
            AttemptOutcome::Following
        );
    }
    elector.begin(second(161), wall(61));
    let taken = written(elector.on_response(found(1, &held), second(161), wall(61)));
    assert_eq!(taken, Record { acquired: Some(truncated_to_seconds(wall(61))), ..record("b", 5, 61) });
    assert_eq!(
        done(elector.on_response(StoreResponse::Conflict, second(161), wall(61))),
        AttemptOutcome::Failed
    );
    assert!(!elector.is_leading(second(161)));
    // Only an exact read shows the candidate that was faster.
    assert!(matches!(elector.begin(second(166), wall(66)), StoreRequest::Get { is_consistent: true }));
    let faster = record("c", 5, 61);
    assert_eq!(
        done(elector.on_response(found(2, &faster), second(166), wall(66))),
        AttemptOutcome::Following
    );
}

#[test]
fn the_lease_of_another_holder_is_counted_from_the_response() {
    let mut elector = elector("b");
    let held = record("a", 4, 0);
    elector.begin(second(100), wall(0));
    elector.on_response(found(1, &held), second(190), wall(0));
    elector.begin(second(191), wall(0));
    assert_eq!(done(elector.on_response(found(1, &held), second(191), wall(0))), AttemptOutcome::Following);
}

#[test]
fn a_released_lock_is_acquired_at_once() {
    let mut elector = elector("b");
    elector.begin(second(100), wall(0));
    elector.on_response(found(1, &record("a", 4, 0)), second(100), wall(0));
    elector.begin(second(105), wall(5));
    let free = Record { duration_seconds: 1, ..record("", 4, 3) };
    assert_eq!(written(elector.on_response(found(2, &free), second(105), wall(5))).transitions, 5);
}

#[test]
fn the_first_holder_of_an_empty_config_map_counts_as_a_transition() {
    let mut elector = elector("a");
    elector.begin(second(1), wall(0));
    let bare = StoreResponse::Found(LockState { object: 1, raw: String::new(), record: Record::default() });
    assert_eq!(written(elector.on_response(bare, second(1), wall(0))), record("a", 1, 0));
}

#[test]
fn a_restarted_holder_renews_at_once() {
    let mut elector = elector("a");
    elector.begin(second(1), wall(10));
    let held = record("a", 7, 5);
    let next = elector.on_response(found(1, &held), second(1), wall(10));
    assert!(
        matches!(next, NextStep::Send(StoreRequest::Get { is_consistent: true })),
        "an outdated state is not sufficient"
    );
    let renewal = written(elector.on_response(found(1, &held), second(1), wall(10)));
    assert_eq!(renewal, record("a", 7, 10));
}

#[test]
fn a_write_with_a_lost_response_is_recognized() {
    let mut elector = leader();
    let StoreRequest::Update(_, renewal) = elector.begin(second(15), wall(5)) else { panic!() };
    assert_eq!(
        done(elector.on_response(StoreResponse::Failed, second(20), wall(10))),
        AttemptOutcome::Failed
    );
    assert_eq!(elector.valid_until(), Some(second(25)), "as before");
    elector.begin(second(20), wall(10));
    let next = elector.on_response(StoreResponse::Conflict, second(20), wall(10));
    assert!(matches!(next, NextStep::Send(StoreRequest::Get { is_consistent: true })));
    let next = elector.on_response(found(2, &renewal), second(20), wall(10));
    assert_eq!(written(next).renewed, Some(truncated_to_seconds(wall(10))));
    assert!(!elector.has_duplicate_identity());
}

#[test]
fn a_duplicate_identity_is_detected_and_keeps_the_lock() {
    let mut elector = leader();
    elector.begin(second(15), wall(5));
    elector.on_response(StoreResponse::Conflict, second(15), wall(5));
    let theirs = record("a", 0, 3);
    assert_eq!(done(elector.on_response(found(2, &theirs), second(15), wall(5))), AttemptOutcome::Following);
    assert!(elector.has_duplicate_identity() && !elector.is_leading(second(15)));
    assert!(matches!(elector.release(second(16)), NextStep::Send(StoreRequest::Get { is_consistent: true })));
    let next = elector.on_response(found(2, &theirs), second(16), wall(6));
    assert_eq!(done(next), AttemptOutcome::Following, "the lock belongs to another process");
}

#[test]
fn a_deleted_lock_is_left_to_its_holder() {
    let mut elector = elector("b");
    elector.begin(second(100), wall(0));
    elector.on_response(found(1, &record("a", 4, 0)), second(100), wall(0));
    for (now, bare) in [(105, false), (110, true), (160, false)] {
        elector.begin(second(now), wall(5));
        let nothing = LockState { object: 2, raw: String::new(), record: Record::default() };
        let response = if bare { StoreResponse::Found(nothing) } else { StoreResponse::Missing };
        assert_eq!(done(elector.on_response(response, second(now), wall(5))), AttemptOutcome::Following);
    }
    elector.begin(second(161), wall(61));
    assert_eq!(written(elector.on_response(StoreResponse::Missing, second(161), wall(61))).holder, "b");

    let mut leader = leader();
    leader.begin(second(15), wall(5));
    leader.on_response(StoreResponse::Missing, second(15), wall(5));
    assert_eq!(written(leader.on_response(StoreResponse::Missing, second(15), wall(5))).holder, "a");
}

#[test]
fn a_release_ends_the_leadership_first() {
    let mut elector = leader();
    let held = record("a", 0, 0);
    let next = elector.release(second(12));
    assert!(!elector.is_leading(second(12)));
    assert!(matches!(next, NextStep::Send(StoreRequest::Get { is_consistent: true })));
    let free = written(elector.on_response(found(1, &held), second(12), wall(2)));
    let wanted =
        Record { acquired: Some(truncated_to_seconds(wall(2))), duration_seconds: 1, ..record("", 0, 2) };
    assert_eq!(free, wanted);
    // A renewal that was still running came first.
    let next = elector.on_response(StoreResponse::Conflict, second(12), wall(2));
    assert!(matches!(next, NextStep::Send(StoreRequest::Get { is_consistent: true })));
    written(elector.on_response(found(1, &held), second(12), wall(2)));
    assert_eq!(done(elector.on_response(found(3, &free), second(12), wall(2))), AttemptOutcome::Released);
}

#[test]
fn a_follower_releases_nothing() {
    let mut elector = elector("b");
    elector.begin(second(100), wall(0));
    elector.on_response(found(1, &record("a", 4, 0)), second(100), wall(0));
    assert_eq!(done(elector.release(second(101))), AttemptOutcome::Following);
}

#[test]
fn any_lease_duration_is_handled() {
    for (duration, expires) in [(0, true), (-5, true), (i64::MAX, false)] {
        let mut elector = elector("b");
        elector.begin(second(100), wall(0));
        let held = Record { duration_seconds: duration, ..record("a", 1, 0) };
        elector.on_response(found(1, &held), second(100), wall(0));
        elector.begin(second(10_000), wall(5));
        let next = elector.on_response(found(1, &held), second(10_000), wall(5));
        assert_eq!(matches!(next, NextStep::Send(StoreRequest::Update(..))), expires, "{duration}");
    }
}
