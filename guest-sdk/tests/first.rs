//! The example transform of the crate documentation, and the golden kit applied to it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

include!("first/team.rs");

use std::fs;
use std::path::Path;

use insights_sdk::Columns;
use insights_sdk::golden::{self, Case, Outcome};

const BATCH: &str = r#"{"scope":"node","id":"n1","time_unix_ms":1,"interval_ms":60000,"entities":[
  {"kind":"node","id":"n1","children":[
    {"kind":"pod","id":"u1","attributes":{"pod.name":"web","label.owner":"shop"}},
    {"kind":"pod","id":"u2","attributes":{"pod.name":"job"}}]}]}"#;

#[test]
fn the_documentation_begins_with_it() {
    let library = include_str!("../src/lib.rs");
    let shown: String = library
        .lines()
        .map(|line| line.strip_prefix("//! ").or(line.strip_prefix("//!")).unwrap_or(""))
        .flat_map(|line| [line, "\n"])
        .collect();
    let code = include_str!("first/team.rs");
    assert!(shown.contains(code), "src/lib.rs shows something else than tests/first/team.rs");
    let lines = code.lines().filter(|line| !line.is_empty()).count();
    assert!(lines <= 15, "{lines} lines");
}

#[test]
fn it_labels_pods() {
    let transform = insights_sdk::configure(r#"{"label":"owner"}"#, Team::configure).unwrap();
    let batch = Batch::from_columns(Columns::from_json(BATCH).unwrap());
    transform.process(&batch).unwrap();
    let teams: Vec<_> = batch.pods().into_iter().map(|pod| (pod.name(), pod.attribute("Team"))).collect();
    assert_eq!(teams, [(Some("web"), Some("shop")), (Some("job"), Some("nobody"))]);
}

fn case_folder(config: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let case = directory.path().join("labels");
    fs::create_dir(&case).unwrap();
    fs::write(case.join("config.json"), config).unwrap();
    fs::write(case.join("batch.json"), BATCH).unwrap();
    directory
}

fn only_case(directory: &Path) -> Case {
    golden::cases(directory).unwrap().remove(0)
}

#[test]
fn a_case_is_blessed_checked_and_shows_its_difference() {
    let directory = case_folder(r#"{"label":"owner"}"#);
    let case = only_case(directory.path());
    let outcome = golden::process::<Team>(&case);
    let missing = case.check(&outcome).unwrap_err();
    assert!(missing.to_string().contains("expected.json is missing"), "{missing}");
    case.bless(&outcome).unwrap();
    assert_eq!(only_case(directory.path()).check(&outcome), Ok(()));
    golden::run_transform::<Team>(directory.path());

    fs::write(directory.path().join("labels/config.json"), r#"{"label":"team"}"#).unwrap();
    let case = only_case(directory.path());
    let diff = case.check(&golden::process::<Team>(&case)).unwrap_err();
    assert_eq!(diff.file, "expected.json");
    assert!(diff.lines.contains("-            \"Team\": \"shop\","), "{diff}");
    assert!(diff.lines.contains("+            \"Team\": \"nobody\","), "{diff}");
}

#[test]
fn a_configuration_that_is_no_json_is_no_expectation() {
    let directory = case_folder(r#"{"label":"owner""#);
    let error = golden::cases(directory.path()).unwrap_err();
    assert!(error.to_string().contains("labels/config.json: "), "{error}");
    // A case that expects an error accepts such a configuration.
    fs::write(directory.path().join("labels/expected.error"), "").unwrap();
    assert_eq!(only_case(directory.path()).config, r#"{"label":"owner""#);
}

#[test]
fn a_published_name_with_a_dot_is_warned_about() {
    let batch = Batch::from_columns(Columns::from_json(BATCH).unwrap());
    let ((), lines) = insights_sdk::log::capture(|| {
        for pod in batch.pods() {
            pod.publish("pod.share", 1.0, Unit::Percent);
            pod.publish("pod_share", 1.0, Unit::Percent);
        }
    });
    let [(insights_sdk::log::Level::Warn, line)] = &*lines else { panic!("{lines:?}") };
    assert!(line.starts_with("`pod.share`: published names must not contain a dot"), "{line}");
}

#[test]
fn the_order_of_names_and_siblings_is_no_difference() {
    let directory = case_folder("{}");
    let expected = r#"{"scope":"node","id":"n1","time_unix_ms":1,"entities":[
      {"kind":"node","id":"n1","children":[
        {"kind":"pod","id":"u2","attributes":{"Team":"nobody","pod.name":"job"}},
        {"kind":"pod","id":"u1","attributes":{"Team":"nobody","label.owner":"shop","pod.name":"web"}}]}]}"#;
    let file = directory.path().join("labels/expected.json");
    fs::write(&file, expected).unwrap();
    golden::run_transform::<Team>(directory.path());
    let case = only_case(directory.path());
    case.bless(&golden::process::<Team>(&case)).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), expected, "what is good already stays as it was written");
}

#[test]
fn an_error_is_an_outcome() {
    let directory = case_folder(r#"{"lable":"owner"}"#);
    fs::write(directory.path().join("labels/expected.error"), "lable: unknown key; known here: label\n")
        .unwrap();
    golden::run_transform::<Team>(directory.path());
}

#[test]
#[should_panic(expected = "case labels: differs from expected.error")]
fn a_run_with_a_difference_fails() {
    let directory = case_folder("{}");
    fs::write(directory.path().join("labels/expected.error"), "no\n").unwrap();
    golden::run_transform::<Team>(directory.path());
}

#[test]
fn files_that_are_no_case_are_named() {
    let directory = case_folder("{}");
    let batch = directory.path().join("labels/batch.json");
    fs::write(&batch, "{").unwrap();
    let error = golden::cases(directory.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: line 1, column 2: expected a key in double quotes", batch.display())
    );
    fs::remove_file(&batch).unwrap();
    assert_eq!(
        golden::cases(directory.path()).unwrap_err().to_string(),
        format!("{}: not found: every case needs this file", batch.display())
    );
    assert!(
        golden::cases(directory.path().join("labels")).unwrap_err().to_string().contains("no cases found")
    );
}

struct Names;

impl Formatter for Names {
    const ABOUT: About = About::new("names", "1.0.0");

    fn configure(_: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self)
    }

    fn format(&self, batch: &Batch, limits: &Limits) -> Result<Payloads, String> {
        let mut payloads = Payloads::new("text/plain");
        for pod in batch.pods() {
            let name = pod.name().unwrap_or_default();
            let cut = name.len().min(limits.max_event_bytes as usize);
            let route = [("log_group", "/a b"), ("log_stream", batch.scope_id())];
            payloads.push(&route, batch.time_unix_ms(), &name.as_bytes()[..cut]);
        }
        Ok(payloads)
    }
}

#[test]
fn events_are_compared_as_text() {
    let directory = case_folder("{}");
    let case = directory.path().join("labels");
    fs::write(case.join("limits.json"), r#"{"max_event_bytes": 2}"#).unwrap();
    let expected = "# log_group=/a b log_stream=n1 time_unix_ms=1\nwe\n\
                    # log_group=/a b log_stream=n1 time_unix_ms=1\njo\n";
    fs::write(case.join("expected.events"), expected).unwrap();
    golden::run_formatter::<Names>(directory.path());

    let case = only_case(directory.path());
    let Outcome::Events(payloads) = golden::format::<Names>(&case) else { panic!("no events") };
    assert_eq!(payloads.routes.len(), 1, "a route is kept once");
    assert_eq!(payloads.events().map(|event| event.bytes).collect::<Vec<_>>(), [b"we", b"jo"]);
}
