//! Well-behaved components.

use insightd_sandbox::{CallError, Kind};

use crate::arena::{batch, enter};
use crate::guests;

#[test]
fn a_batch_round_trips_unchanged() {
    let (_serial, arena) = enter();
    let batch = batch(100);
    assert_eq!(arena.stage.process("{}", &batch).unwrap(), batch);
    assert_eq!(arena.stage.kind(), Kind::Transform);
    assert_eq!(arena.format.kind(), Kind::Formatter);
    assert_eq!(arena.stage.name(), "stage");
    assert_eq!(arena.stage.description().name, "stage");
    assert_eq!(arena.stage.description().reads, ["cpu.*"]);
    let sha256 = arena.compile(&guests::guest("stage"));
    assert_eq!(arena.stage.sha256(), sha256.sha256());
}

#[test]
fn configuration_is_checked_without_a_batch() {
    let (_serial, arena) = enter();
    arena.stage.check_config("{}").unwrap();
    let error = arena.stage.check_config("refuse").unwrap_err();
    assert!(matches!(&error, CallError::Config(text) if text == "fruit: expected an apple, found a pear"));
    assert_eq!(error.to_string(), "rejected its configuration: fruit: expected an apple, found a pear");
}

#[test]
fn errors_have_the_components_text_on_one_bounded_line() {
    let (_serial, arena) = enter();
    let error = arena.stage.process("fail", &batch(1)).unwrap_err();
    assert!(matches!(&error, CallError::Guest(text) if text == "no pods to be seen"));
    let CallError::Guest(text) = arena.stage.process("fail at length", &batch(1)).unwrap_err() else {
        panic!("another error");
    };
    assert!(text.len() < 3000 && text.ends_with('…'));
}

#[test]
fn no_memory_survives_a_call() {
    let (_serial, arena) = enter();
    let refused = arena.stage.process("refuse", &batch(1));
    assert!(matches!(refused, Err(CallError::Config(_))));
    assert_eq!(arena.stage.process("{}", &batch(1)).unwrap(), batch(1));
}

#[test]
fn a_transform_may_drop_everything() {
    let (_serial, arena) = enter();
    let result = arena.stage.process("nothing", &batch(3)).unwrap();
    assert_eq!((result.entity_count(), result.point_count()), (0, 0));
    assert_eq!(result.scope_id, "ip-10-0-0-1");
}

#[test]
fn a_component_of_the_wrong_kind_is_refused() {
    let (_serial, arena) = enter();
    let error = arena.format.process("{}", &batch(1)).unwrap_err();
    assert_eq!(error.to_string(), "component is a formatter; this slot requires a transform");
    let error = arena.stage.format("{}", &batch(1), &insights_batch::Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "component is a transform; this slot requires a formatter");
}
