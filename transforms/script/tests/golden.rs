//! Golden cases, and a check that docs/scripting.md shows the programs of the cases that it names.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

use insights_sdk::json::{self, Value};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/scripting.md");

#[test]
fn golden() {
    insights_sdk::golden::run_transform::<insightd_script::Script>("tests/golden");
}

/// Each recipe is a code block below a line `<!-- case: NAME -->`.
#[test]
fn the_document_shows_the_programs_that_are_tested() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let mut recipes = 0;
    for section in document.split("<!-- case: ").skip(1) {
        let (name, rest) = section.split_once(" -->").unwrap();
        let (_, block) = rest.split_once("```rust\n").unwrap();
        let (shown, _) = block.split_once("```").unwrap();
        assert_eq!(
            shown.trim_end(),
            program(name).trim_end(),
            "the recipe of case {name} in docs/scripting.md"
        );
        recipes += 1;
    }
    assert!(recipes >= 12, "{recipes} recipes");
}

/// Every case is documented, except those for errors and language features.
#[test]
fn every_recipe_is_in_the_document() {
    let document = fs::read_to_string(DOCUMENT).unwrap();
    for entry in fs::read_dir(CASES).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with("error_") && !name.starts_with("language_") {
            assert!(
                document.contains(&format!("<!-- case: {name} -->")),
                "{name} is not in docs/scripting.md"
            );
        }
    }
}

fn program(case: &str) -> String {
    let path = format!("{CASES}/{case}/config.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    match json::parse(&text).unwrap().get("program") {
        Some(Value::String(program)) => program.clone(),
        _ => panic!("{path} has no program"),
    }
}
