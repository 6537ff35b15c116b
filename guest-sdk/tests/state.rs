//! State: stored types, calls without a grant, and golden cases with state.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use insights_sdk::golden::{self, Case, Outcome};
use insights_sdk::prelude::*;
use insights_sdk::state::Space;

#[derive(Debug, PartialEq)]
struct Seen {
    mean: f64,
    ticks: u64,
    note: Option<String>,
    last: Vec<(f64, bool)>,
}
stored!(Seen { mean, ticks, note, last });

#[derive(Debug, PartialEq)]
struct Older {
    mean: f64,
}
stored!(Older { mean });

#[test]
fn types_come_back_exactly() {
    let seen = Seen {
        mean: 0.1 + 0.2,
        ticks: u64::MAX,
        note: Some("a \"b\"\n".into()),
        last: vec![(-1e-300, true), (5.0, false)],
    };
    state::put("seen", &vec![Older { mean: 1.0 }, Older { mean: 2.0 }]).unwrap();
    assert_eq!(state::get_bytes("seen").unwrap(), br#"[{"mean":1},{"mean":2}]"#);
    state::put("seen", &seen).unwrap();
    assert_eq!(state::get("seen"), Some(seen));
    // Unknown fields are ignored; missing ones are an error, except for `Option`.
    assert_eq!(state::get("seen"), Some(Older { mean: 0.1 + 0.2 }));
    state::put("older", &Older { mean: 1.0 }).unwrap();
    assert_eq!(state::get::<Seen>("older"), None);
    state::put_bytes("partly", br#"{"mean":1,"ticks":2,"last":[]}"#).unwrap();
    assert_eq!(state::get("partly"), Some(Seen { mean: 1.0, ticks: 2, note: None, last: vec![] }));
    // A value of another type reads as `None`.
    assert_eq!(state::get::<u64>("older"), None);
    state::put("nan", &f64::NAN).unwrap();
    assert_eq!(state::get::<f64>("nan"), None);
    state::put_bytes("raw", &[0xff, 0]).unwrap();
    assert_eq!(state::get::<String>("raw"), None);
    assert_eq!(state::get_bytes("raw"), Some(vec![0xff, 0]));
    assert_eq!(state::keys("o"), ["older"]);
    state::retain("", |key| key == "nan");
    assert_eq!(state::keys(""), ["nan"]);
}

#[test]
fn without_a_grant_there_is_nothing_and_the_error_says_what_to_ask_for() {
    let ((), changes) = state::with(None, || {
        assert_eq!((state::get::<u64>("a"), state::keys("").len()), (None, 0));
        state::remove("a");
        let error = state::put("a", &1_u64).unwrap_err();
        assert!(error.contains("`state: {max_bytes: …}`"), "{error}");
    });
    assert!(changes.is_empty());
}

/// Counts the ticks of each pod and returns an error in the third tick, after writing.
struct Count;

impl Transform for Count {
    const ABOUT: About = About::new("count", "1.0.0");

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        if state::put("configured", &true).is_ok() {
            settings.problem("state", "it is there");
        }
        Ok(Self)
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        for pod in batch.pods() {
            let ticks = state::get::<u64>(pod.id()).unwrap_or(0) + 1;
            state::put(pod.id(), &ticks)?;
            if ticks == 3 {
                return Err("three is enough".into());
            }
        }
        Ok(())
    }
}

const BATCH: &str =
    r#"{"scope": "node", "id": "n", "time_unix_ms": 1, "entities": [{"kind": "pod", "id": "u1"}]}"#;

fn case(directory: &Path, state: Option<&str>) -> (Outcome, Space, Case) {
    fs::write(directory.join("batch.json"), BATCH).unwrap();
    match state {
        Some(text) => fs::write(directory.join("state.json"), text).unwrap(),
        None => _ = fs::remove_file(directory.join("state.json")),
    }
    let case = Case::load(directory).unwrap();
    let (outcome, after) = golden::process_with_state::<Count>(&case);
    (outcome, after, case)
}

#[test]
fn golden_cases_have_state_before_and_after() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("expected.state.json");
    let (outcome, after, first) = case(directory.path(), None);
    assert!(matches!(outcome, Outcome::Batch(_)), "{outcome:?}");
    assert_eq!(after.to_json(), "{\n  \"u1\": 1\n}\n");
    let diff = first.check_state(&after).unwrap_err();
    assert!(diff.to_string().contains("differs from expected.state.json"), "{diff}");
    assert!(diff.lines.contains("+  \"u1\": 1"), "{diff}");
    first.bless_state(&after).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\n  \"u1\": 1\n}\n");

    let (_, after, second) = case(directory.path(), Some(r#"{"u1": 1}"#));
    assert!(second.check_state(&after).unwrap_err().lines.contains("+  \"u1\": 2"));
    // Writes of a failed call are discarded.
    let (outcome, after, failed) = case(directory.path(), Some(r#"{"u1": 2}"#));
    assert!(matches!(&outcome, Outcome::Error(text) if text == "three is enough"), "{outcome:?}");
    assert_eq!(after, failed.state);
    failed.bless_state(&after).unwrap();
    assert!(!file.exists(), "the state is as it was, which needs no file");
    failed.bless_state(&after).unwrap();

    fs::write(directory.path().join("state.json"), "{").unwrap();
    let error = Case::load(directory.path()).unwrap_err().to_string();
    assert!(error.contains("state.json") && error.contains("line 1"), "{error}");
}
