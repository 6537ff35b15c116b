use super::*;

fn second(second: u64) -> Moment {
    Moment::from_nanos(second * 1_000_000_000)
}

fn wall(second: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + second * 1_000 + 250).unwrap()
}

fn elector(identity: &str) -> Elector<u32> {
    Elector::new(identity, 60, Duration::from_secs(15))
}

fn found(object: u32, record: &Record) -> Answer<u32> {
    Answer::Found(Found { object, raw: record.to_annotation(), record: record.clone() })
}

fn record(holder: &str, transitions: i64, renewed: i64) -> Record {
    Record {
        holder: holder.to_owned(),
        duration_seconds: 60,
        acquired: Some(whole(wall(0))),
        renewed: Some(whole(wall(renewed))),
        transitions,
    }
}

#[track_caller]
fn written(next: Next<u32>) -> Record {
    match next {
        Next::Send(Request::Create(record) | Request::Update(_, record)) => record,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn done(next: Next<u32>) -> Outcome {
    match next {
        Next::Done(outcome) => outcome,
        Next::Send(request) => panic!("{request:?}"),
    }
}

/// Returns a candidate that holds the lock since second 10.
fn leader() -> Elector<u32> {
    let mut elector = elector("a");
    assert!(matches!(elector.begin(second(10), wall(0)), Request::Get { exact: false }));
    let record = written(elector.answered(Answer::Missing, second(10), wall(0)));
    assert_eq!(record, Record { transitions: 0, ..self::record("a", 0, 0) });
    assert_eq!(done(elector.answered(found(1, &record), second(11), wall(1))), Outcome::Leads);
    elector
}

#[test]
fn a_lead_lasts_from_the_request_not_from_the_answer() {
    let elector = leader();
    assert!(elector.leads(second(24)) && !elector.leads(second(25)));
    assert_eq!(elector.valid_until(), Some(second(25)));
}

#[test]
fn a_holder_renews_without_looking_and_keeps_its_beginning() {
    let mut elector = leader();
    let Request::Update(1, renewal) = elector.begin(second(15), wall(5)) else { panic!() };
    assert_eq!(renewal, record("a", 0, 5));
    assert_eq!(done(elector.answered(found(2, &renewal), second(15), wall(5))), Outcome::Leads);
    assert_eq!(elector.valid_until(), Some(second(30)));
}

#[test]
fn renewals_differ_also_when_the_wall_clock_is_set_back() {
    let mut elector = leader();
    for (step, wall_second) in [(1, -3_600), (2, 0), (3, 1), (4, 90)] {
        let Request::Update(_, renewal) = elector.begin(second(10 + 5 * step), wall(wall_second)) else {
            panic!()
        };
        assert_eq!(renewal.renewed, Some(whole(wall(if step == 4 { 90 } else { step as i64 }))));
        elector.answered(found(1, &renewal), second(10 + 5 * step), wall(wall_second));
    }
}

#[test]
fn another_is_given_its_lease_by_our_clock() {
    let mut elector = elector("b");
    let held = record("a", 4, -100_000);
    for now in [100, 130, 160] {
        elector.begin(second(now), wall(0));
        assert_eq!(done(elector.answered(found(1, &held), second(now), wall(0))), Outcome::Follows);
    }
    elector.begin(second(161), wall(61));
    let taken = written(elector.answered(found(1, &held), second(161), wall(61)));
    assert_eq!(taken, Record { acquired: Some(whole(wall(61))), ..record("b", 5, 61) });
    assert_eq!(done(elector.answered(Answer::Conflict, second(161), wall(61))), Outcome::Failed);
    assert!(!elector.leads(second(161)));
    // Only an exact read shows the candidate that was faster.
    assert!(matches!(elector.begin(second(166), wall(66)), Request::Get { exact: true }));
    let faster = record("c", 5, 61);
    assert_eq!(done(elector.answered(found(2, &faster), second(166), wall(66))), Outcome::Follows);
}

#[test]
fn a_lease_of_another_is_counted_from_the_answer() {
    let mut elector = elector("b");
    let held = record("a", 4, 0);
    elector.begin(second(100), wall(0));
    elector.answered(found(1, &held), second(190), wall(0));
    elector.begin(second(191), wall(0));
    assert_eq!(done(elector.answered(found(1, &held), second(191), wall(0))), Outcome::Follows);
}

#[test]
fn a_lock_that_was_given_back_is_taken_at_once() {
    let mut elector = elector("b");
    elector.begin(second(100), wall(0));
    elector.answered(found(1, &record("a", 4, 0)), second(100), wall(0));
    elector.begin(second(105), wall(5));
    let free = Record { duration_seconds: 1, ..record("", 4, 3) };
    assert_eq!(written(elector.answered(found(2, &free), second(105), wall(5))).transitions, 5);
}

#[test]
fn the_first_holder_of_a_config_map_without_a_record_is_the_first_change() {
    let mut elector = elector("a");
    elector.begin(second(1), wall(0));
    let bare = Answer::Found(Found { object: 1, raw: String::new(), record: Record::default() });
    assert_eq!(written(elector.answered(bare, second(1), wall(0))), record("a", 1, 0));
}

#[test]
fn after_a_restart_the_lock_is_ours_at_once() {
    let mut elector = elector("a");
    elector.begin(second(1), wall(10));
    let held = record("a", 7, 5);
    let next = elector.answered(found(1, &held), second(1), wall(10));
    assert!(matches!(next, Next::Send(Request::Get { exact: true })), "an old state would not do");
    let renewal = written(elector.answered(found(1, &held), second(1), wall(10)));
    assert_eq!(renewal, record("a", 7, 10));
}

#[test]
fn a_write_whose_answer_was_lost_is_known_again() {
    let mut elector = leader();
    let Request::Update(_, renewal) = elector.begin(second(15), wall(5)) else { panic!() };
    assert_eq!(done(elector.answered(Answer::Failed, second(20), wall(10))), Outcome::Failed);
    assert_eq!(elector.valid_until(), Some(second(25)), "as before");
    elector.begin(second(20), wall(10));
    let next = elector.answered(Answer::Conflict, second(20), wall(10));
    assert!(matches!(next, Next::Send(Request::Get { exact: true })));
    let next = elector.answered(found(2, &renewal), second(20), wall(10));
    assert_eq!(written(next).renewed, Some(whole(wall(10))));
    assert!(!elector.has_namesake());
}

#[test]
fn a_namesake_is_noticed_and_left_the_lock() {
    let mut elector = leader();
    elector.begin(second(15), wall(5));
    elector.answered(Answer::Conflict, second(15), wall(5));
    let theirs = record("a", 0, 3);
    assert_eq!(done(elector.answered(found(2, &theirs), second(15), wall(5))), Outcome::Follows);
    assert!(elector.has_namesake() && !elector.leads(second(15)));
    assert!(matches!(elector.resign(second(16)), Next::Send(Request::Get { exact: true })));
    let next = elector.answered(found(2, &theirs), second(16), wall(6));
    assert_eq!(done(next), Outcome::Follows, "it is not ours to give back");
}

#[test]
fn a_lock_that_was_removed_is_left_to_its_holder() {
    let mut elector = elector("b");
    elector.begin(second(100), wall(0));
    elector.answered(found(1, &record("a", 4, 0)), second(100), wall(0));
    for (now, bare) in [(105, false), (110, true), (160, false)] {
        elector.begin(second(now), wall(5));
        let nothing = Found { object: 2, raw: String::new(), record: Record::default() };
        let answer = if bare { Answer::Found(nothing) } else { Answer::Missing };
        assert_eq!(done(elector.answered(answer, second(now), wall(5))), Outcome::Follows);
    }
    elector.begin(second(161), wall(61));
    assert_eq!(written(elector.answered(Answer::Missing, second(161), wall(61))).holder, "b");

    let mut leader = leader();
    leader.begin(second(15), wall(5));
    leader.answered(Answer::Missing, second(15), wall(5));
    assert_eq!(written(leader.answered(Answer::Missing, second(15), wall(5))).holder, "a");
}

#[test]
fn giving_back_ends_the_lead_first() {
    let mut elector = leader();
    let held = record("a", 0, 0);
    let next = elector.resign(second(12));
    assert!(!elector.leads(second(12)));
    assert!(matches!(next, Next::Send(Request::Get { exact: true })));
    let free = written(elector.answered(found(1, &held), second(12), wall(2)));
    let wanted = Record { acquired: Some(whole(wall(2))), duration_seconds: 1, ..record("", 0, 2) };
    assert_eq!(free, wanted);
    // A renewal that was still running came first.
    let next = elector.answered(Answer::Conflict, second(12), wall(2));
    assert!(matches!(next, Next::Send(Request::Get { exact: true })));
    written(elector.answered(found(1, &held), second(12), wall(2)));
    assert_eq!(done(elector.answered(found(3, &free), second(12), wall(2))), Outcome::Resigned);
}

#[test]
fn who_never_held_it_gives_nothing_back() {
    let mut elector = elector("b");
    elector.begin(second(100), wall(0));
    elector.answered(found(1, &record("a", 4, 0)), second(100), wall(0));
    assert_eq!(done(elector.resign(second(101))), Outcome::Follows);
}

#[test]
fn strange_durations_do_no_harm() {
    for (duration, expires) in [(0, true), (-5, true), (i64::MAX, false)] {
        let mut elector = elector("b");
        elector.begin(second(100), wall(0));
        let held = Record { duration_seconds: duration, ..record("a", 1, 0) };
        elector.answered(found(1, &held), second(100), wall(0));
        elector.begin(second(10_000), wall(5));
        let next = elector.answered(found(1, &held), second(10_000), wall(5));
        assert_eq!(matches!(next, Next::Send(Request::Update(..))), expires, "{duration}");
    }
}
