//! Fallback of a slot when a component fails.

use std::time::Duration;

use insightd_sandbox::{
    CallError, CallLimits, Component, FailureCause, OnFailure, Origin, Processed, Sandbox, Slot, SlotConfig,
    Stop,
};
use insights_batch::Columns;

use crate::arena::{Arena, batch, enter};
use crate::{guests, text};

fn slot(config: &str, on_failure: OnFailure, component: &Component, builtin: Option<&Component>) -> Slot {
    let config =
        SlotConfig { name: "node/0".to_owned(), config: config.to_owned(), on_failure, max_failures: 3 };
    Slot::new(config, component.clone(), builtin.cloned())
}

fn done(processed: Processed) -> Columns {
    match processed {
        Processed::Done(columns) => columns,
        other => panic!("{other:?}"),
    }
}

/// Loads a transform that accepts every configuration and drops everything but the tick; it stands for a built-in.
fn author(arena: &Arena) -> Component {
    arena.sandbox.load("author", &arena.compile(&guests::guest("author"))).unwrap()
}

/// Loads a transform that traps in every call.
fn broken(arena: &Arena) -> Component {
    let core = text::stage(text::ZERO, "unreachable", "", "0.1.0");
    let wasm = text::component("transform", &core, text::same);
    arena.sandbox.load("broken", &arena.compile(&wasm)).unwrap()
}

fn same_kind(columns: &Columns) -> bool {
    columns.gauges.name.iter().any(|&name| columns.string(name) == "same_kind")
}

#[test]
fn a_good_component_runs() {
    let (_serial, arena) = enter();
    let mut slot = slot("{}", OnFailure::LastGood, &arena.stage, None);
    assert_eq!(done(slot.process(batch(3))), batch(3));
    let stats = slot.stats();
    assert_eq!((stats.batches, stats.calls, stats.fallbacks, stats.skipped), (1, 1, 0, 0));
}

#[test]
fn memory_statistics_cover_only_the_slots_own_calls() {
    let (_serial, arena) = enter();
    let (mut one, mut other) =
        (slot("{}", OnFailure::Drop, &arena.stage, None), slot("{}", OnFailure::Drop, &arena.stage, None));
    done(one.process(batch(3)));
    done(other.process(batch(20_000)));
    done(one.process(batch(3)));
    let (few, many) = (one.stats(), other.stats());
    assert_eq!(few.last_memory_bytes, few.peak_memory_bytes);
    assert!(few.peak_memory_bytes >= 64 << 10, "a page at least: {few:?}");
    assert!(many.peak_memory_bytes > few.peak_memory_bytes, "{many:?}");
    assert!(many.wall_time >= many.last_call && many.cpu_time > std::time::Duration::ZERO);
}

#[test]
fn one_trap_suspends_a_component_and_the_builtin_takes_over() {
    let (_serial, arena) = enter();
    let (broken, author) = (broken(arena), author(arena));
    let mut slot = slot("{}", OnFailure::LastGood, &broken, Some(&author));
    assert!(same_kind(&done(slot.process(batch(3)))));
    assert!(same_kind(&done(slot.process(batch(3)))));
    // The suspended version was not tried for the second batch.
    assert_eq!(slot.stats().failures(FailureCause::Trap), 1);
    assert_eq!((slot.stats().calls, slot.stats().fallbacks), (3, 2));
    let versions: Vec<_> = slot.versions().map(|version| (version.origin, version.suspended)).collect();
    assert_eq!(versions, [(Origin::Current, true), (Origin::Builtin, false)]);
    assert!(slot.stats().last_error.as_deref().unwrap().starts_with("trapped: "));
}

#[test]
fn other_failures_suspend_a_component_after_the_maximum() {
    let (_serial, arena) = enter();
    let mut slot = slot("fail", OnFailure::Skip, &arena.stage, None);
    for failures in 1..=5 {
        let Processed::Skipped(columns) = slot.process(batch(3)) else { panic!("not skipped") };
        assert_eq!(columns, batch(3));
        assert_eq!(slot.stats().failures(FailureCause::Guest), failures.min(3), "not tried again at once");
        assert_eq!(slot.stats().skipped, failures);
    }
    assert!(slot.versions().next().unwrap().suspended);
}

#[test]
fn a_success_resets_the_failure_count() {
    let (_serial, arena) = enter();
    // Fails on batches without a gauge: `NaN` indexes the first one, which is a trap; an output error needs rows.
    let mut slot = slot("NaN", OnFailure::Skip, &arena.stage, None);
    for _ in 0..2 {
        assert!(matches!(slot.process(batch(3)), Processed::Skipped(_)));
    }
    assert_eq!(slot.versions().next().unwrap().failures, 2);
    assert!(!slot.versions().next().unwrap().suspended);
    let slot = after(&slot, &arena.stage, None);
    assert_eq!(slot.versions().next().unwrap().failures, 0);
}

#[test]
fn on_failure_drop_drops_the_batch() {
    let (_serial, arena) = enter();
    let mut slot = slot("fail", OnFailure::Drop, &arena.stage, Some(&author(arena)));
    assert!(matches!(slot.process(batch(3)), Processed::Dropped));
    assert_eq!((slot.stats().dropped, slot.stats().calls), (1, 1));
}

/// Returns the slot after a new version has replaced `before`.
fn after(before: &Slot, component: &Component, builtin: Option<&Component>) -> Slot {
    let mut slot = Slot::new(before.config().clone(), component.clone(), builtin.cloned());
    slot.replace(before);
    slot
}

#[test]
fn the_previous_version_keeps_its_configuration() {
    let (_serial, arena) = enter();
    let mut before = slot("{}", OnFailure::LastGood, &arena.stage, None);
    done(before.process(batch(3)));
    let mut now = slot("fail", OnFailure::LastGood, &arena.stage, None);
    now.replace(&before);
    for _ in 0..4 {
        done(now.process(batch(3)));
    }
    assert!(now.has_failed());
    assert_eq!(now.effective().unwrap().1, "{}");
    assert_eq!(now.stats().fallbacks, 4);
}

#[test]
fn a_failing_version_falls_back_to_the_previous_one() {
    let (_serial, arena) = enter();
    let (good, broken) = (author(arena), broken(arena));
    let mut slot = slot("{}", OnFailure::LastGood, &good, Some(&arena.stage));
    assert!(same_kind(&done(slot.process(batch(3)))));
    let mut slot = after(&slot, &broken, Some(&arena.stage));
    assert!(same_kind(&done(slot.process(batch(3)))));
    let origins: Vec<_> = slot.versions().map(|version| (version.origin, version.suspended)).collect();
    assert_eq!(origins, [(Origin::Current, true), (Origin::LastGood, false), (Origin::Builtin, false)]);
    // Another bad version: the last good one is kept.
    let mut slot = after(&slot, &broken, Some(&arena.stage));
    assert!(slot.stats().fallbacks == 1 && same_kind(&done(slot.process(batch(3)))));
    let origins: Vec<_> = slot.versions().map(|version| version.origin).collect();
    assert_eq!(origins, [Origin::Current, Origin::LastGood, Origin::Builtin]);
}

#[test]
fn a_failing_formatter_drops_the_batch() {
    let (_serial, arena) = enter();
    let mut slot = slot("an empty event", OnFailure::Skip, &arena.format, None);
    assert!(slot.format(&batch(3), &insights_batch::Limits::default()).is_none());
    assert_eq!((slot.stats().dropped, slot.stats().failures(FailureCause::Output)), (1, 1));
}

fn contains(columns: &Columns, id: &str) -> bool {
    columns.entities.id.iter().any(|&known| columns.string(known) == id)
}

#[test]
fn data_that_fails_in_every_version_is_quarantined() {
    let (_serial, arena) = enter();
    let mut slot = slot("trip over uid-7", OnFailure::LastGood, &arena.stage, None);
    let result = done(slot.process(batch(100)));
    assert_eq!(result.entity_count(), batch(100).entity_count() - 2);
    assert!(!contains(&result, "uid-7") && !contains(&result, "uid-7/main") && contains(&result, "uid-77"));
    assert_eq!(slot.quarantined().collect::<Vec<_>>(), ["pod uid-7"]);
    assert_eq!((slot.stats().quarantined, slot.stats().failures(FailureCause::Trap)), (1, 1));
    // The component is not to blame, despite the trap.
    assert!(!slot.versions().next().unwrap().suspended);

    // From now on the pod is left out without a search.
    let calls = slot.stats().calls;
    let result = done(slot.process(batch(100)));
    assert!(!contains(&result, "uid-7"));
    assert_eq!(slot.stats().calls, calls + 1);
    assert_eq!(slot.stats().failures(FailureCause::Trap), 1);

    // A new version gets all data again.
    let mut slot = after(&slot, &arena.stage, None);
    assert_eq!(slot.quarantined().count(), 0);
    done(slot.process(batch(100)));
    assert_eq!(slot.stats().quarantined, 2);

    // An hour of ticks later the same version gets it again too.
    for _ in 0..60 {
        done(slot.process(batch(10)));
    }
    assert_eq!(slot.stats().quarantined, 3);
}

#[test]
fn a_component_that_always_fails_quarantines_no_data() {
    let (_serial, arena) = enter();
    let mut slot = slot("{}", OnFailure::LastGood, &broken(arena), None);
    assert!(matches!(slot.process(batch(100)), Processed::Skipped(_)));
    assert!(slot.versions().next().unwrap().suspended);
    assert_eq!((slot.quarantined().count(), slot.stats().quarantined), (0, 0));
}

/// Every version fails on some data of these pods, and on nothing else.
#[test]
fn several_offending_pods_are_quarantined_up_to_the_bound() {
    let (_serial, arena) = enter();
    for count in [2, 5, 32] {
        let pods: Vec<String> = (0..count).map(|number| format!("uid-{}", 3 * number + 1)).collect();
        let mut slot =
            slot(&format!("trip over {}", pods.join(",")), OnFailure::LastGood, &arena.stage, None);
        // A search may take more than one batch.
        let found = (0..8).find_map(|_| match slot.process(batch(110)) {
            Processed::Done(columns) => Some(columns),
            _ => None,
        });
        let result = found.unwrap();
        assert_eq!(slot.quarantined().count(), count);
        assert!(pods.iter().all(|pod| !contains(&result, pod)) && contains(&result, "uid-0"));
        assert_eq!(result.entity_count(), batch(110).entity_count() - 2 * count);
        assert_eq!((slot.failed_batches(), slot.has_failed()), (0, false));
    }
    let pods: Vec<String> = (0..33).map(|number| format!("uid-{number}")).collect();
    let mut slot = slot(&format!("trip over {}", pods.join(",")), OnFailure::LastGood, &arena.stage, None);
    for _ in 0..12 {
        assert!(matches!(slot.process(batch(110)), Processed::Skipped(_)));
    }
    assert!(slot.has_failed() && slot.failed_batches() == 12 && slot.quarantined().count() == 0);
}

#[test]
fn a_suspended_component_is_retried_with_backoff() {
    let (_serial, arena) = enter();
    let mut slot = slot("fail", OnFailure::Drop, &arena.stage, None);
    let called: Vec<u64> = (1..=30)
        .filter(|_| {
            let calls = slot.stats().calls;
            assert!(matches!(slot.process(batch(3)), Processed::Dropped));
            slot.stats().calls > calls
        })
        .collect();
    assert_eq!(called, [1, 2, 3, 6, 12, 24]);
    assert_eq!((slot.stats().retries, slot.failed_batches()), (3, 30));
}

#[test]
fn a_suspended_component_recovers() {
    let (_serial, arena) = enter();
    let mut slot = slot("trip over uid-9", OnFailure::Skip, &arena.stage, None);
    assert!(matches!(slot.process(batch(10)), Processed::Skipped(_)));
    assert!(slot.has_failed());
    let good: Vec<bool> = (0..4).map(|_| matches!(slot.process(batch(3)), Processed::Done(_))).collect();
    assert_eq!(good, [false, false, true, true]);
    assert_eq!((slot.has_failed(), slot.stats().recoveries, slot.failed_batches()), (false, 1, 0));
}

#[test]
fn a_formatters_slices_share_the_time_of_one_call() {
    let (_serial, arena) = enter();
    let sink = insights_batch::Limits::default();
    // One slice, to measure its CPU time on this machine.
    let mut one = slot("work", OnFailure::Drop, &arena.format, None);
    one.format(&batch(10), &sink).unwrap();
    let limits = CallLimits { cpu_time: one.stats().cpu_time * 4, ..CallLimits::default() };
    let sandbox = Sandbox::new(limits).unwrap();
    let format = sandbox.load("format", &arena.compile(&guests::guest("format"))).unwrap();
    format.format("work", &batch(10), &sink).unwrap();
    // Forty slices, each of which alone is fast enough.
    let error = format.format("work", &batch(10_000), &sink).unwrap_err();
    assert!(matches!(error, CallError::CpuTime { .. }), "{error}");
}

#[test]
fn calls_of_one_batch_share_its_budget() {
    let (_serial, arena) = enter();
    let sink = insights_batch::Limits::default();
    let limits = CallLimits { cpu_time: Duration::from_millis(200), ..CallLimits::default() };
    let sandbox = Sandbox::new(limits).unwrap();
    let stage = sandbox.load("stage", &arena.compile(&guests::guest("stage"))).unwrap();
    let mut places: Vec<Slot> = (0..8).map(|_| slot("spin", OnFailure::Skip, &stage, None)).collect();
    let budget = places[0].budget(&Stop::default());
    for place in &mut places {
        assert!(matches!(place.process_within(batch(3), None, &budget).0, Processed::Skipped(_)));
    }
    // Twice 200 ms for all eight; after seven calls with half of the remaining time each, the last one has the minimum.
    let last_error = places[7].stats().last_error.as_deref().unwrap();
    assert!(last_error.contains("the limit is 5ms"), "{last_error}");
    // A shutdown grants a short grace period, and no component is blamed.
    let stop = Stop::default();
    stop.request();
    let mut formatter = slot("spin", OnFailure::LastGood, &arena.format, None);
    let budget = formatter.budget(&stop);
    assert!(formatter.format_within(&batch(3), &sink, None, &budget).is_none());
    assert!(!formatter.has_failed() && formatter.versions().next().unwrap().failures == 0);
}

/// A pod on which every version runs until its time is up.
#[test]
fn data_that_takes_too_long_is_quarantined() {
    let (_serial, arena) = enter();
    let mut slot = slot("spin over uid-7,uid-70", OnFailure::LastGood, &arena.stage, None);
    let found = (0..8).find_map(|_| match slot.process(batch(110)) {
        Processed::Done(columns) => Some(columns),
        _ => None,
    });
    let result = found.unwrap();
    let mut quarantined: Vec<&str> = slot.quarantined().collect();
    quarantined.sort_unstable();
    assert_eq!(quarantined, ["pod uid-7", "pod uid-70"]);
    assert_eq!(result.entity_count(), batch(110).entity_count() - 4);
    assert!(!slot.has_failed());
}

/// For three batches more pods than a component can process in its time: no pod's data is blamed, and it recovers.
#[test]
fn an_overload_quarantines_no_data() {
    let (_serial, arena) = enter();
    let sink = insights_batch::Limits::default();
    let mut one = slot("work", OnFailure::Drop, &arena.format, None);
    one.format(&batch(10), &sink).unwrap();
    let limits = CallLimits { cpu_time: one.stats().cpu_time * 8, ..CallLimits::default() };
    let sandbox = Sandbox::new(limits).unwrap();
    let format = sandbox.load("format", &arena.compile(&guests::guest("format"))).unwrap();
    let mut slot = slot("work", OnFailure::LastGood, &format, None);
    assert!(slot.format(&batch(10), &sink).is_some());
    let storm: Vec<bool> = (0..3).map(|_| slot.format(&batch(10_000), &sink).is_some()).collect();
    assert_eq!(storm, [false; 3]);
    assert!(slot.has_failed());
    let after: Vec<bool> = (0..4).map(|_| slot.format(&batch(10), &sink).is_some()).collect();
    assert_eq!(after, [false, false, true, true]);
    assert_eq!((slot.quarantined().count(), slot.stats().quarantined, slot.has_failed()), (0, 0, false));
}

#[test]
fn the_number_of_returned_entities_is_bounded() {
    let (_serial, arena) = enter();
    let error = arena.stage.process("ten times", &batch(5000)).unwrap_err();
    assert_eq!(error.cause(), FailureCause::Limit);
    assert!(error.to_string().contains("100010 entities; the limit for this input is 48196"), "{error}");
}
