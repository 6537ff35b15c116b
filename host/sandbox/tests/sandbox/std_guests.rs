//! Ordinary crates with std: printing, hash maps, and everything that they must not access.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use insightd_sandbox::{CallError, FailureCause};
use tracing_subscriber::fmt::MakeWriter;

use crate::arena::{batch, enter};
use crate::guests;

/// Captured log lines of the thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Returns the result of `work` and its log output.
    fn of<T>(work: impl FnOnce() -> T) -> (T, String) {
        let lines = Self::default();
        let subscriber =
            tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).without_time().finish();
        let result = tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        (result, text)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn a_std_component_can_print_and_use_a_hash_map() {
    let (_serial, arena) = enter();
    let author = arena.sandbox.load("author", &arena.compile(&guests::guest("author"))).unwrap();
    let (result, log) = Lines::of(|| author.process("{}", &batch(3)).unwrap());
    assert!(log.contains(r#"INFO transform: 3 kinds transform="author""#), "{log}");
    assert!(log.contains(r#"WARN transform: to standard error transform="author""#), "{log}");
    let gauges = result.gauges.name.iter().zip(&result.gauges.value);
    let values: Vec<f64> =
        gauges.filter(|&(&name, _)| result.string(name) == "same_kind").map(|(_, &v)| v).collect();
    assert_eq!(values, [1.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]);

    let order = |columns: &insights_batch::Columns| {
        let row = columns.attributes.key.iter().position(|&key| columns.string(key) == "order").unwrap();
        columns.string(columns.attributes.value[row]).to_owned()
    };
    assert_eq!(order(&result).split(',').count(), 3);
    // Equal input gives equal output, including the order of a hash map; another batch gives another order eventually.
    assert_eq!(author.process("{}", &batch(3)).unwrap(), result);
    let mut other = batch(3);
    let differs = (0..64).any(|time| {
        other.time_unix_ms = time;
        order(&author.process("{}", &other).unwrap()) != order(&result)
    });
    assert!(differs);
}

#[test]
fn log_lines_have_level_and_name_and_cannot_be_forged() {
    let (_serial, arena) = enter();
    // A component of its own: other tests may have used up the shared one's lines of the minute.
    let stage = arena.sandbox.load("stage", &arena.compile(&guests::guest("stage"))).unwrap();
    let log = |habit: &str| Lines::of(|| stage.process(habit, &batch(1)).unwrap()).1;
    assert!(log("log").contains(r#"WARN transform: one warning transform="stage""#));
    assert!(log("print").contains("INFO transform: printed 1"));
    let controls = log("log controls");
    assert_eq!(controls.lines().count(), 1);
    assert!(controls.contains("a [2Jb forged line"));
}

#[test]
fn excess_log_lines_are_dropped_and_counted() {
    let (_serial, arena) = enter();
    // A separate component each: the limit per minute covers all calls of a component.
    let native = arena.compile(&guests::guest("stage"));
    for (flood, dropped) in [("log flood", 99_950), ("print flood", 19_950)] {
        let component = arena.sandbox.load(flood, &native).unwrap();
        let ((), log) = Lines::of(|| drop(component.process(flood, &batch(1)).unwrap()));
        assert_eq!(log.lines().count(), 51);
        assert!(log.contains("line 0") && log.contains("line 49") && !log.contains("line 50"));
        assert!(log.contains(&format!("dropped={dropped}")), "{log}");
        // The 300 lines of the minute are used up after six calls.
        let ((), log) =
            Lines::of(|| (0..10).for_each(|_| drop(component.process(flood, &batch(1)).unwrap())));
        assert_eq!(log.lines().count(), 250);
    }
    for long in ["log at length", "print at length"] {
        let component = arena.sandbox.load(long, &native).unwrap();
        let ((), log) = Lines::of(|| drop(component.process(long, &batch(1)).unwrap()));
        assert_eq!(log.lines().count(), 1);
        assert!(log.len() < 1200 && log.contains('…'), "{log}");
    }
}

#[test]
fn denied_imports_are_named() {
    let (_serial, arena) = enter();
    let error = |habit: &str| arena.stage.process(habit, &batch(1)).unwrap_err();
    for (habit, import) in [
        ("clock", "wasi:clocks/wall-clock@0.2."),
        ("instant", "wasi:clocks/monotonic-clock@0.2."),
        ("sleep", "wasi:clocks/monotonic-clock@0.2."),
        ("network", "wasi:sockets/"),
    ] {
        let error = error(habit);
        assert_eq!(error.cause(), FailureCause::Trap, "{habit}: {error}");
        assert!(error.to_string().contains(import), "{habit}: {error}");
        assert!(error.to_string().contains("which components may not use"), "{habit}: {error}");
    }
}

#[test]
fn harmless_wasi_functions_work() {
    let (_serial, arena) = enter();
    let error = |habit: &str| match arena.stage.process(habit, &batch(1)).unwrap_err() {
        CallError::Guest(text) => text,
        other => panic!("{habit}: {other}"),
    };
    // Opening a file is an ordinary error, not a trap: there are no directories.
    assert!(error("file").starts_with("file: "));
    assert!(!error("file").contains("root:"));
    assert_eq!(error("environment"), "0 variables and arguments, 0 bytes of input");
    assert_eq!(error("thread"), "thread: false");
}
