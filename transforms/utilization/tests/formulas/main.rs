//! Golden cases, compared with the formulas of the Container Insights agents, which are data in
//! `tests/metrics/metrics.json`.
//!
//! The expected output of a case is computed here, by a separate evaluator over the case's `batch.json`: `BLESS=1` writes
//! `expected.json` from it, never from the transform's output.

mod batch;
mod document;
mod evaluate;
mod expect;
mod expression;
mod signals;
mod table;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use insightd_utilization::Utilization;
use insights_sdk::golden::{self, Case, Outcome};
use insights_sdk::{Batch, Columns, json};
use serde_json::Value;

use expect::{Expectation, expect};
use table::Table;

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/metrics/examples.json");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");

fn is_bless() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// Returns all cases that do not fail, with their expected results.
fn expectations(table: &Table) -> Vec<(Case, Expectation)> {
    let cases = golden::cases(CASES).unwrap_or_else(|error| panic!("{error}"));
    let cases = cases.into_iter().filter(|case| !case.directory.join("expected.error").exists());
    let read = |text: &str, case: &Case| -> Value {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", case.name))
    };
    cases
        .map(|case| {
            let text =
                fs::read_to_string(case.directory.join("batch.json")).expect("the case was loaded from it");
            let expectation = expect(table, &read(&text, &case), &read(&case.config, &case));
            (case, expectation)
        })
        .collect()
}

/// Tests that the transform's output equals the expected output of each case.
#[test]
fn golden_cases() {
    if is_bless() {
        // Another test of this run is rewriting the expected output.
        return;
    }
    let cases = golden::cases(CASES).unwrap_or_else(|error| panic!("{error}"));
    let differing: Vec<_> = cases
        .iter()
        .filter_map(|case| {
            let diff = case.check(&golden::process::<Utilization>(case)).err()?;
            Some(format!("\ncase {}: {diff}", case.name))
        })
        .collect();
    assert!(
        differing.is_empty(),
        "{} of {} cases differ\n{}",
        differing.len(),
        cases.len(),
        differing.join("\n")
    );
}

/// Tests that the expected output of each case follows from the formulas.
#[test]
fn expectations_follow_the_formulas() {
    let mut report = String::new();
    for (case, expectation) in expectations(&Table::load()) {
        let text = expectation.batch.to_string();
        let columns = Columns::from_json(&text).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let outcome = Outcome::Batch(columns);
        if is_bless() {
            case.bless(&outcome).unwrap_or_else(|error| panic!("{error}"));
        } else if let Err(diff) = case.check(&outcome) {
            report.push_str(&format!("\ncase {}: {diff}\n", case.name));
        }
    }
    assert!(report.is_empty(), "{report}\nrun with BLESS=1 to write the results of the formulas");
}

/// Tests that the transform reproduces the worked examples of the Container Insights agents to the last digit.
#[test]
fn worked_examples() {
    let text = fs::read_to_string(EXAMPLES).unwrap_or_else(|error| panic!("{EXAMPLES}: {error}"));
    // Floats parsed by serde_json may be off by the last digit.
    let examples = json::parse(&text).unwrap_or_else(|error| panic!("{EXAMPLES}: {error}"));
    let Some(json::Value::Array(examples)) = examples.get("examples") else {
        panic!("{EXAMPLES}: no examples")
    };
    let mut checked = 0;
    let mut wrong = Vec::new();
    for example in examples {
        let text =
            |key: &str| example.get(key).and_then(json::Value::as_str).expect("case and type are named");
        let case = Case::load(format!("{CASES}/{}", text("case"))).unwrap_or_else(|error| panic!("{error}"));
        let Outcome::Batch(columns) = golden::process::<Utilization>(&case) else {
            panic!("{} fails", case.name)
        };
        let batch = Batch::from_columns(columns);
        let mut events = batch.entities().into_iter();
        let event = events.find(|entity| entity.attribute("Type") == Some(text("type")));
        let event = event.expect("the case has an event of that type");
        let Some(json::Value::Object(metrics)) = example.get("figures") else { panic!("metrics by name") };
        for (name, value) in metrics {
            let (wanted, found) = (value.as_f64(), event.gauge(name));
            checked += 1;
            if found != wanted {
                wrong.push(format!("{} {name}: {wanted:?} in the example, {found:?} here", text("type")));
            }
        }
    }
    assert!(wrong.is_empty() && checked > 150, "{} of {checked} differ\n{}", wrong.len(), wrong.join("\n"));
}

/// Tests that every metric of the table occurs in a case, on exactly the cgroup versions that the table lists. Prints the
/// cases.
#[test]
fn every_metric_has_a_case() {
    let table = Table::load();
    let mut shown: BTreeMap<(String, String, u64), String> = BTreeMap::new();
    for (case, expectation) in expectations(&table) {
        for (kind, suffix) in expectation.published {
            shown.entry((kind, suffix, expectation.cgroup)).or_insert_with(|| case.name.clone());
        }
    }
    let mut wrong = Vec::new();
    for kind in &table.types {
        for metric in table.of_type(&kind.name) {
            let name = metric.name(kind);
            let unit = if metric.unit.is_empty() { "no unit" } else { &metric.unit };
            for &version in kind.cgroup_versions() {
                let key = (kind.name.clone(), metric.suffix.clone(), version);
                match (shown.remove(&key), metric.cgroup.contains(&version)) {
                    (Some(case), true) => println!("{:15} {name:62} {unit:14} v{version} {case}", kind.name),
                    (None, true) => {
                        wrong.push(format!("{name} of {} on v{version} is in no case", kind.name))
                    }
                    (Some(case), false) => {
                        wrong.push(format!("{name} is not on cgroup v{version}, but case {case} has it"));
                    }
                    (None, false) => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tests that the transform publishes only metrics of the table, with the table's units.
#[test]
fn nothing_else_is_published() {
    let table = Table::load();
    let mut wrong = BTreeSet::new();
    for (case, _) in expectations(&table) {
        let before: BTreeSet<(u32, String)> = names(&Batch::from_columns(case.batch.clone()));
        let Outcome::Batch(columns) = golden::process::<Utilization>(&case) else {
            wrong.insert(format!("case {} fails", case.name));
            continue;
        };
        let batch = Batch::from_columns(columns);
        for entity in batch.entities() {
            let parent = entity.parent().map_or("", |parent| parent.kind());
            let kind = entity.attribute("Type").and_then(|kind| table.kind(batch.scope(), kind, parent));
            for (name, _) in entity.gauges() {
                if name.contains('.') || before.contains(&(entity.index(), name.to_string())) {
                    continue;
                }
                let Some(kind) = kind else {
                    wrong.insert(format!("{name} on {entity:?}, which is not an event (case {})", case.name));
                    continue;
                };
                let Some(metric) = table.of_type(&kind.name).find(|metric| metric.name(kind) == name) else {
                    wrong.insert(format!("{name} on {} is not in the table (case {})", kind.name, case.name));
                    continue;
                };
                let descriptor = batch.find("metric", name);
                let unit = descriptor.map(|descriptor| descriptor.attribute("unit").unwrap_or(""));
                if unit != Some(&metric.unit) {
                    wrong.insert(format!("{name}: unit {unit:?}, in the table {:?}", metric.unit));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

fn names(batch: &Batch) -> BTreeSet<(u32, String)> {
    let entities = batch.entities().into_iter();
    entities
        .flat_map(|entity| {
            entity.gauges().into_iter().map(move |(name, _)| (entity.index(), name.to_string()))
        })
        .collect()
}

/// Tests that docs/metrics.md is generated from this table and that of `signals`.
#[test]
fn the_documentation_is_the_table() {
    let wanted = document::document(&Table::load()) + &signals::section();
    if is_bless() {
        fs::write(PAGE, wanted).expect("docs is writable");
        return;
    }
    let found = fs::read_to_string(PAGE).unwrap_or_default();
    assert!(found == wanted, "docs/metrics.md differs from the tables; run with BLESS=1 to update it");
}
