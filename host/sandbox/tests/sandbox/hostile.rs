//! Hostile components: each ends in an error that names its action, leaves no memory behind and harms no other component.

use std::time::Duration;

use insightd_sandbox::{CallError, CallLimits, FailureCause, LoadError, Sandbox};

use crate::arena::{batch, enter};
use crate::{guests, text};

/// Returns the error of the stage guest that is configured to misbehave in this way.
fn habit(habit: &str) -> CallError {
    let (_serial, arena) = enter();
    let batch = batch(100);
    arena.attack(habit, || arena.stage.process(habit, &batch)).unwrap_err()
}

fn expect(name: &str, cause: FailureCause, words: &[&str]) {
    let error = habit(name);
    assert_eq!(error.cause(), cause, "{name}: {error}");
    for words in words {
        assert!(error.to_string().contains(words), "{name}: {error}");
    }
}

#[test]
fn an_endless_loop_is_stopped() {
    expect("spin", FailureCause::Timeout, &["CPU time", "the limit is 1s"]);
}

#[test]
fn an_endless_loop_in_configure_is_stopped() {
    expect("spin in configure", FailureCause::Timeout, &["CPU time"]);
}

#[test]
fn memory_growth_to_four_gib_is_refused() {
    expect("allocate 4 GiB", FailureCause::Limit, &["bytes of memory; the limit is 33554432"]);
    expect("allocate at once", FailureCause::Limit, &["bytes of memory; the limit is 33554432"]);
}

#[test]
fn deep_recursion_traps() {
    expect("recurse", FailureCause::Trap, &[]);
}

#[test]
fn panic() {
    expect("panic", FailureCause::Trap, &["the third pod from the left"]);
    expect("panic in configure", FailureCause::Trap, &["no configuration is good enough"]);
}

#[test]
fn exit() {
    expect("exit", FailureCause::Trap, &["exited with code"]);
}

#[test]
fn wrong_indices_in_any_column_are_refused() {
    for column in [
        "string-ends",
        "entities.kind",
        "entities.id",
        "entities.parent",
        "attributes.entity",
        "attributes.key",
        "attributes.value",
        "gauges.entity",
        "gauges.name",
        "counters.entity",
        "counters.name",
        "links.source",
        "links.target",
        "links.role",
    ] {
        expect(&format!("index of {column}"), FailureCause::Output, &[&format!("column {column}, row")]);
        // A column that is too short makes its neighbours look too long.
        expect(&format!("length of {column}"), FailureCause::Output, &["column"]);
    }
}

#[test]
fn invalid_strings_are_refused() {
    expect("invalid UTF-8", FailureCause::Output, &["utf-8"]);
    expect("half a character", FailureCause::Output, &["string-ends", "not a character boundary"]);
    expect("ends that decrease", FailureCause::Output, &["string-ends, row 1"]);
    expect("text without end", FailureCause::Output, &["string-ends"]);
}

#[test]
fn invalid_numbers_are_refused() {
    for value in ["NaN", "infinity", "negative infinity"] {
        expect(value, FailureCause::Output, &["column gauges.value, row 0", "not a finite number"]);
    }
}

#[test]
fn a_child_before_its_parent_is_refused() {
    expect("child before parent", FailureCause::Output, &["entities.parent, row 0"]);
}

#[test]
fn fields_of_the_tick_must_not_change() {
    expect("time travel", FailureCause::Output, &["belong to the tick"]);
    expect("another scope", FailureCause::Output, &["belong to the tick"]);
}

#[test]
fn output_beyond_the_limit_for_its_input_is_refused() {
    expect("more than allowed", FailureCause::Limit, &["output exceeds the limit for this input"]);
}

#[test]
fn log_output_is_bounded() {
    let (_serial, arena) = enter();
    let batch = batch(10);
    for flood in ["log flood", "log at length", "print flood", "print at length"] {
        arena.attack(flood, || arena.stage.process(flood, &batch)).unwrap();
    }
}

#[test]
fn errors_of_handwritten_components_are_classified() {
    let (_serial, arena) = enter();
    let batch = batch(10);
    let component = |core: &str| text::component("transform", core, text::same);

    let unknown = arena.compile(&component(&text::stage(text::ZERO, text::ZERO, "", "0.1.0")));
    let nothing = arena.sandbox.load("nothing", &unknown).unwrap();
    let error = arena.attack("zeros", || nothing.process("{}", &batch)).unwrap_err();
    assert_eq!(error.cause(), FailureCause::Output, "{error}");

    let outside = text::stage(text::ZERO, "(i32.const -8)", "", "0.1.0");
    let outside = arena.sandbox.load("outside", &arena.compile(&component(&outside))).unwrap();
    let error = arena.attack("result outside of memory", || outside.process("{}", &batch)).unwrap_err();
    assert_eq!(error.cause(), FailureCause::Output, "{error}");

    // Discriminant of a result that is neither ok nor err.
    let neither =
        text::stage(text::ZERO, "(i32.store8 (i32.const 2048) (i32.const 7)) (i32.const 2048)", "", "0.1.0");
    let neither = arena.sandbox.load("neither", &arena.compile(&component(&neither))).unwrap();
    let error = arena.attack("neither ok nor err", || neither.process("{}", &batch)).unwrap_err();
    assert_eq!(error.cause(), FailureCause::Output, "{error}");

    let start = r#"(func $start (loop $again (br $again))) (start $start)"#;
    let start = arena.compile(&component(&text::stage(text::ZERO, text::ZERO, start, "0.1.0")));
    let error =
        arena.attack("endless loop at the start", || arena.sandbox.load("start", &start)).unwrap_err();
    assert!(matches!(&error, LoadError::Describe { error: CallError::CpuTime { .. }, .. }), "{error}");

    let huge = r#"(memory (export "memory") 60000)"#;
    let core =
        text::stage(text::ZERO, text::ZERO, "", "0.1.0").replace(r#"(memory (export "memory") 2)"#, huge);
    let huge = arena.compile(&component(&core));
    let error =
        arena.attack("4 GiB of memory at the start", || arena.sandbox.load("huge", &huge)).unwrap_err();
    assert!(matches!(&error, LoadError::Describe { error: CallError::Limit(_), .. }), "{error}");

    let table = "(table 4000000000 funcref)";
    let table = arena.compile(&component(&text::stage(text::ZERO, text::ZERO, table, "0.1.0")));
    let error =
        arena.attack("a table of 4 billion entries", || arena.sandbox.load("table", &table)).unwrap_err();
    assert!(matches!(&error, LoadError::Describe { error: CallError::Limit(_), .. }), "{error}");
}

/// A list of a million strings that are all the same 1 MiB: a terabyte if the host copied it.
#[test]
fn a_list_that_repeats_one_huge_string_is_bounded() {
    let (_serial, arena) = enter();
    // Grows to 10 MiB, points a million (pointer, length) pairs from 2 MiB on at the first 1 MiB, and names them `reads`.
    let alias = r#"
        (local $at i32)
        (drop (memory.grow (i32.const 160)))
        (local.set $at (i32.const 0x200000))
        (loop $next
            (i32.store (local.get $at) (i32.const 2048))
            (i32.store offset=4 (local.get $at) (i32.const 0x100000))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $next (i32.lt_u (local.get $at) (i32.const 0x9a1200))))
        (i32.store (i32.const 1048) (i32.const 0x200000))
        (i32.store (i32.const 1052) (i32.const 1000000))
        (i32.const 1024)"#;
    let core = text::stage(alias, text::ZERO, "", "0.1.0");
    let native = arena.compile(&text::component("transform", &core, text::same));
    let error = arena
        .attack("a million times 1 MiB (describe)", || arena.sandbox.load("alias", &native))
        .unwrap_err();
    assert!(matches!(&error, LoadError::Describe { error: CallError::Limit(_), .. }), "{error}");

    // The same as one route: a list of pairs, 16 bytes each.
    let alias = r#"
        (local $at i32)
        (local.set $at (i32.const 0x200000))
        (loop $next
            (i32.store (local.get $at) (i32.const 2048))
            (i32.store offset=4 (local.get $at) (i32.const 0x100000))
            (i32.store offset=8 (local.get $at) (i32.const 2048))
            (i32.store offset=12 (local.get $at) (i32.const 0x100000))
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (br_if $next (i32.lt_u (local.get $at) (i32.const 0x1142400))))
        (i32.store (i32.const 1200) (i32.const 0x200000))
        (i32.store (i32.const 1204) (i32.const 1000000))
        (i32.store (i32.const 1036) (i32.const 1200))
        (i32.store (i32.const 1040) (i32.const 1))
        (i32.const 1024)"#;
    let native = arena.compile(&text::component("formatter", &text::format(alias, 300), text::same));
    let alias = arena.sandbox.load("alias", &native).unwrap();
    let batch = batch(100);
    let format = || alias.format("{}", &batch, &insights_batch::Limits::default());
    let error = arena.attack("a million times 1 MiB (format)", format).unwrap_err();
    assert_eq!(error.cause(), FailureCause::Limit, "{error}");
}

/// If the CPU is busy elsewhere, wall time passes without CPU time; it ends a call only at a distant limit.
#[test]
fn wall_time_limits_a_call_that_waits() {
    let (_serial, arena) = enter();
    let limits = CallLimits {
        cpu_time: Duration::from_secs(3600),
        wall_time: Duration::from_millis(100),
        ..CallLimits::default()
    };
    let sandbox = Sandbox::new(limits).unwrap();
    let stage = sandbox.load("stage", &arena.compile(&guests::guest("stage"))).unwrap();
    let error = stage.process("spin", &batch(1)).unwrap_err();
    assert!(matches!(error, CallError::WallTime { .. }), "{error}");
    assert!(error.to_string().contains("the limit is 100ms"), "{error}");
}

#[test]
fn calls_run_on_many_threads() {
    let (_serial, arena) = enter();
    let batch = batch(50);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(arena.stage.process("{}", &batch).unwrap(), batch);
                    assert!(arena.stage.process("panic", &batch).is_err());
                }
            });
        }
    });
}

/// The thread that watches deadlines sleeps if there are none: an agent between two ticks uses no CPU.
#[test]
fn nothing_wakes_up_between_calls() {
    let (_serial, arena) = enter();
    arena.others_are_unharmed();
    // The thread finishes its current interval.
    std::thread::sleep(Duration::from_millis(100));
    let before = switches_of_epoch_threads();
    assert!(!before.is_empty());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(switches_of_epoch_threads(), before);
}

/// Returns the number of voluntary context switches of each thread that watches deadlines.
fn switches_of_epoch_threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let statuses = tasks.filter_map(|task| std::fs::read_to_string(task.join("status")).ok());
    let epoch = statuses.filter(|status| status.starts_with("Name:\tepoch\n"));
    let line =
        |status: String| status.lines().find(|line| line.starts_with("voluntary_ctxt")).map(str::to_owned);
    epoch.filter_map(line).collect()
}
