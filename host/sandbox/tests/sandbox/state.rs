//! Persistent state of components: visible to the call, returned once, never after a failure, and never beyond its bounds.

use std::sync::Arc;

use insightd_sandbox::{
    Bounds, CallError, Changes, Component, FailureCause, LoadError, OnFailure, Processed, Slot, SlotConfig,
    Space, State,
};

use insights_sdk::golden::{self, Outcome};

use crate::arena::{Arena, batch, enter};
use crate::cluster::shipped;
use crate::{guests, text};

fn hoard(arena: &Arena) -> Component {
    arena.sandbox.load("hoard", &arena.compile(&guests::guest("hoard"))).unwrap()
}

fn granted(max_bytes: u64) -> State {
    State { space: Arc::default(), bounds: Bounds::of_bytes(max_bytes) }
}

/// Returns the state with the changes of a call applied.
fn after(state: &State, changes: &Changes) -> State {
    let mut space = Space::clone(&state.space);
    space.apply(changes);
    State { space: Arc::new(space), ..state.clone() }
}

fn count_in(state: &State) -> Option<u64> {
    state.space.get("n").map(|value| u64::from_le_bytes(value[..].try_into().unwrap()))
}

#[test]
fn state_passes_between_calls_only_through_the_host() {
    let (_serial, arena) = enter();
    let (hoard, batch) = (hoard(arena), batch(2));
    let mut state = granted(1000);
    for n in 1..=3 {
        let (same, changes) = hoard.process_with("count", &batch, Some(&state)).unwrap();
        assert_eq!(same, batch);
        // a shadow run: its changes are dropped
        hoard.process_with("count", &batch, Some(&state)).unwrap();
        state = after(&state, &changes);
        assert_eq!(count_in(&state), Some(n));
    }
    let (_, changes) = hoard.process_with("nothing", &batch, Some(&state)).unwrap();
    assert!(changes.is_empty());
    let (_, changes) = hoard.process_with("forget", &batch, Some(&state)).unwrap();
    assert!(after(&state, &changes).space.is_empty());
}

#[test]
fn writes_without_a_grant_are_refused_with_advice() {
    let (_serial, arena) = enter();
    let (hoard, batch) = (hoard(arena), batch(2));
    let error = hoard.process("count", &batch).unwrap_err();
    assert!(matches!(error, CallError::Guest(_)), "{error}");
    assert!(error.to_string().contains("state is not granted: set `state: {max_bytes: …}`"), "{error}");
    assert_eq!(hoard.process("forget", &batch).unwrap(), batch, "there is nothing to forget");
}

#[test]
fn describe_and_configure_have_no_state() {
    let (_serial, arena) = enter();
    let (hoard, batch) = (hoard(arena), batch(2));
    assert_eq!(hoard.description().name, "hoard");
    let words = "only in `process` and `format`";
    let error = hoard.check_config("write in configure").unwrap_err();
    assert!(matches!(error, CallError::Config(_)) && error.to_string().contains(words), "{error}");
    let error = hoard.process_with("write in configure", &batch, Some(&granted(1000))).unwrap_err();
    assert!(matches!(error, CallError::Config(_)) && error.to_string().contains(words), "{error}");
}

#[test]
fn changes_of_a_failed_call_are_dropped() {
    let (_serial, arena) = enter();
    let (hoard, batch) = (hoard(arena), batch(2));
    let state = granted(1000);
    for (habit, cause) in [
        ("count and panic", FailureCause::Trap),
        ("count and fail", FailureCause::Guest),
        ("count and spin", FailureCause::Timeout),
    ] {
        let call = || hoard.process_with(habit, &batch, Some(&state));
        assert_eq!(arena.attack(habit, call).unwrap_err().cause(), cause);
        let (_, changes) = hoard.process_with("count", &batch, Some(&state)).unwrap();
        assert_eq!(count_in(&after(&state, &changes)), Some(1), "{habit}");
    }
}

/// All slices of a batch are one call with respect to the state.
#[test]
fn slices_of_a_formatter_share_their_changes() {
    let (_serial, arena) = enter();
    // a node, 999 pods and as many containers: four slices
    let (batch, state, limits) = (batch(999), granted(1000), insights_batch::Limits::default());
    let format = |habit: &str| arena.format.format_with(habit, &batch, &limits, Some(&state));
    let (payloads, changes) = format("count slices").unwrap();
    assert_eq!((payloads.len(), count_in(&after(&state, &changes))), (1999, Some(4)));
    let error = format("fail at the third slice").unwrap_err();
    assert!(error.to_string().contains("three is enough"), "{error}");
    let error = arena.format.format("count slices", &batch, &limits).unwrap_err();
    assert!(error.to_string().contains("state is not granted"), "{error}");
}

#[test]
fn components_that_import_state_are_recognised() {
    let (_serial, arena) = enter();
    assert!(hoard(arena).uses_state());
    assert!(!arena.stage.uses_state());
}

/// Each flood ends at its bound, and the error text names the bound.
#[test]
fn writes_beyond_the_bound_are_refused() {
    let (_serial, arena) = enter();
    let (hoard, batch) = (hoard(arena), batch(2));
    let state = granted(256 << 10);
    for (habit, words) in [
        ("many keys", "the limit is 8192 keys"),
        ("many values", "keys and values are limited to 262144 bytes"),
        ("huge value", "a value of 1048576 bytes exceeds the limit of 65536 bytes"),
        ("huge key", "a key of 1048576 bytes exceeds the limit of 1024 bytes"),
    ] {
        let call = || hoard.process_with(habit, &batch, Some(&state));
        let error = arena.attack(habit, call).unwrap_err();
        assert!(
            matches!(error, CallError::Guest(_)) && error.to_string().contains(words),
            "{habit}: {error}"
        );
    }
    // if the guest ignores the errors, the keys that fit are kept
    let keys = |habit: &str| {
        let (_, changes) = arena.attack(habit, || hoard.process_with(habit, &batch, Some(&state))).unwrap();
        let space = after(&state, &changes).space;
        assert!(space.bytes() <= 256 << 10);
        space.len()
    };
    assert_eq!(keys("many keys, quietly"), 8192);
    assert_eq!(keys("many values, quietly"), 4);
    assert_eq!(keys("huge key to read"), 0);
}

/// Host calls count toward the time of the call, and their results toward its memory.
#[test]
fn endless_state_calls_exceed_the_limits_of_the_call() {
    let (_serial, arena) = enter();
    let (hoard, batch) = (hoard(arena), batch(2));
    let state = granted(16 << 20);
    for (habit, cause) in [
        ("many calls", FailureCause::Timeout),
        ("many refusals", FailureCause::Timeout),
        ("list for ever", FailureCause::Timeout),
        ("list and keep", FailureCause::Limit),
        // more than a call may hand over at all
        ("colossal value", FailureCause::Limit),
    ] {
        let error = arena.attack(habit, || hoard.process_with(habit, &batch, Some(&state))).unwrap_err();
        assert_eq!(error.cause(), cause, "{habit}: {error}");
    }
}

/// Pointers that only text can express: outside of memory, and invalid UTF-8.
#[test]
fn keys_and_values_outside_of_memory_trap() {
    let (_serial, arena) = enter();
    let batch = batch(2);
    let set = r#"(import "insights:transform/state@0.1.0" "set" (func $set (param i32 i32 i32 i32 i32)))"#;
    let byte = r#"(data (i32.const 4096) "\ff\ff\ff\ff")"#;
    for (key, value) in [
        ("(i32.const -8) (i32.const 4)", "(i32.const 0) (i32.const 4)"),
        ("(i32.const 0) (i32.const -1)", "(i32.const 0) (i32.const 4)"),
        ("(i32.const 0) (i32.const 4)", "(i32.const 131070) (i32.const 4)"),
        ("(i32.const 0) (i32.const 4)", "(i32.const 0) (i32.const -1)"),
        ("(i32.const 4096) (i32.const 4)", "(i32.const 0) (i32.const 4)"),
    ] {
        let process = format!("(call $set {key} {value} (i32.const 8192)) {}", text::ZERO);
        let core = text::stage(text::ZERO, &process, &[set, byte].concat(), "0.1.0");
        let native = arena.compile(&text::component("transform", &core, text::same));
        let component = arena.sandbox.load("outside", &native).unwrap();
        let call = || component.process_with("{}", &batch, Some(&granted(1000)));
        let error = arena.attack("state outside of its memory", call).unwrap_err();
        let is = (error.cause(), error.to_string());
        assert!(matches!(error, CallError::Output(_) | CallError::Trap(_)), "{key} {value}: {is:?}");
    }
}

#[test]
fn another_version_of_the_state_interface_is_refused() {
    let (_serial, arena) = enter();
    let import = r#"(import "insights:transform/state@0.1.0" "delete" (func (param i32 i32)))"#;
    let core = text::stage(text::ZERO, text::ZERO, import, "0.1.0");
    let component = text::component("transform", &core, text::same);
    let component = replaced(&component, b"transform/state@0.1.0", b"transform/state@0.2.0");
    let error = arena.sandbox.load("later", &arena.compile(&component)).unwrap_err();
    assert!(matches!(error, LoadError::Version { .. }), "{error}");
    let words = "expected insights:transform/state@0.1.0, found insights:transform/state@0.2.0";
    assert!(error.to_string().contains(words), "{error}");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    while let Some(at) = bytes.windows(from.len()).position(|window| window == from) {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

/// The changes are those of the version that took over, not of the one that failed halfway.
#[test]
fn a_slot_returns_the_changes_of_the_version_that_succeeded() {
    let (_serial, arena) = enter();
    let (hoard, batch) = (hoard(arena), batch(2));
    let config = |habit: &str| SlotConfig {
        name: "node/0".to_owned(),
        config: habit.to_owned(),
        on_failure: OnFailure::Skip,
        max_failures: 3,
    };
    let state = granted(1000);
    let mut slot = Slot::new(config("count"), hoard.clone(), None);
    let (processed, changes) = slot.process_with(batch.clone(), Some(&state));
    assert!(matches!(processed, Processed::Done(_)));
    assert_eq!(count_in(&after(&state, &changes)), Some(1));

    let mut slot = Slot::new(config("count and fail"), hoard, None);
    let (processed, changes) = slot.process_with(batch, Some(&state));
    assert!(matches!(processed, Processed::Skipped(_)));
    assert!(changes.is_empty());
}

/// A component that does not use state does not import it.
#[test]
fn the_default_chain_does_not_import_state() {
    let (_serial, arena) = enter();
    for name in ["decorate", "utilization", "emf"] {
        assert!(!load_shipped(arena, name).uses_state(), "{name}");
    }
    assert!(load_shipped(arena, "moving-average").uses_state());
}

fn load_shipped(arena: &Arena, name: &str) -> Component {
    arena.sandbox.load(name, &arena.compile(&shipped(name))).unwrap()
}

/// Runs the golden cases of the example against its component, with the state before and after.
#[test]
fn the_example_with_state_passes_its_golden_cases() {
    let (_serial, arena) = enter();
    let average = load_shipped(arena, "moving-average");
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../transforms/moving-average/tests/golden");
    let cases = golden::cases(directory).unwrap();
    assert!(cases.len() >= 9);
    for case in cases {
        let mut after = case.state.clone();
        let outcome = match average.process_with(&case.config, &case.batch, Some(&case.state())) {
            Ok((columns, changes)) => {
                after.apply(&changes);
                Outcome::Batch(columns)
            }
            Err(CallError::Config(text) | CallError::Guest(text)) => Outcome::Error(text),
            Err(other) => panic!("{}: {other}", case.name),
        };
        case.check(&outcome).unwrap_or_else(|diff| panic!("{}: {diff}", case.name));
        case.check_state(&after).unwrap_or_else(|diff| panic!("{}: {diff}", case.name));
    }
}
