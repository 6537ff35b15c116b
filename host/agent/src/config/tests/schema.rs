//! Tests of the JSON Schema of configurations. `BLESS=1` writes it.

mod generate;
mod validate;

use std::path::{Path, PathBuf};

use insightd_yaml::{Data, Node};
use serde_json::{Value, json};

use super::{document, of_documentation, switched_on};
use crate::config::{Config, schema};
use generate::{Source, Step, find_mut, join, made, name, problems_of, scalar};
use validate::problem_of;

fn stored() -> Value {
    serde_json::from_str(&schema().unwrap()).unwrap_or_default()
}

#[test]
fn the_schema_is_that_of_the_parser() {
    let made = made();
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/schema.json");
        std::fs::write(path, format!("{made:#}\n")).unwrap();
        return;
    }
    assert!(made == stored(), "config/schema.json differs; BLESS=1 writes this:\n{made:#}");
    // Values that the generation must find in errors of the parser.
    for (path, wanted) in [
        ("/properties/interval/default", json!("60s")),
        ("/properties/role/anyOf/0/enum", json!(["all", "node", "cluster", "task", "fargate", null])),
        (
            "/properties/kubelet/properties/enabled/anyOf/0/enum",
            json!(["auto", "true", "false", true, false, null]),
        ),
        ("/properties/cluster/properties/page_size/maximum", json!(10_000)),
        ("/properties/limits/properties/memory/$ref", json!("#/$defs/size")),
        ("/properties/pipelines/items/required", json!(["name", "outputs"])),
        (
            "/properties/pipelines/items/properties/transforms/items/properties/config/additionalProperties",
            json!(true),
        ),
        ("/properties/sinks/additionalProperties/anyOf/2/properties/retention_days/anyOf/0/enum/0", json!(1)),
    ] {
        assert_eq!(made.pointer(path), Some(&wanted), "{path}");
    }
}

fn parse(text: &str) -> Value {
    insightd_yaml::parse(text).unwrap().map_or(Value::Null, |node| node.to_json())
}

/// Returns the configuration files below a directory.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            files(&path, found);
        } else if name == "insightd.yaml" || name.ends_with("-config.yaml") {
            found.push(path);
        }
    }
}

#[test]
fn files_and_examples_are_valid() {
    let schema = stored();
    let mut paths = Vec::new();
    files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy")), &mut paths);
    assert!(paths.len() >= 6, "{paths:?}");
    let mut texts: Vec<String> = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for page in
        ["authors.md", "configuration.md", "operations.md", "rollout.md", "scripting.md", "security.md"]
    {
        let page = document(page);
        let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let configurations = blocks.filter(|block| Config::parse(block, None, &of_documentation()).is_ok());
        texts.extend(configurations.map(str::to_owned));
    }
    assert!(texts.len() >= 10, "{}", texts.len());
    texts.push(switched_on());
    texts.push("interval: ${INTERVAL:-60s}\nrole: ${ROLE}\nkubelet: {enabled: '${K}'}\nleader:\n".into());
    for text in texts {
        assert_eq!(problem_of(&schema, &parse(&text)), None, "{text}");
    }
}

/// Returns the paths of all values below `node` that are not mappings or lists.
fn leaves(node: &Node, path: &[Step], found: &mut Vec<Vec<Step>>) {
    match &node.data {
        Data::Mapping(entries) => {
            for entry in entries {
                leaves(&entry.value, &join(path, Step::Key(entry.key.clone())), found);
            }
        }
        Data::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &join(path, Step::Index(index)), found);
            }
        }
        Data::Scalar { .. } => found.push(path.to_vec()),
    }
}

/// Checks that the schema refuses nothing that the parser accepts, and that it refuses the usual mistakes.
#[test]
fn the_schema_refuses_only_what_the_parser_refuses() {
    let (schema, source) = (stored(), Source::new());
    let mut paths = Vec::new();
    leaves(&source.full, &[], &mut paths);
    assert!(paths.len() > 100, "{}", paths.len());
    let words = [
        "",
        "?!",
        "x",
        "7",
        "0",
        "-1",
        "1.5",
        "60s",
        "5 m",
        "1MiB",
        "64 KiB",
        "5%",
        "any",
        "none",
        "true",
        "false",
        "auto",
        "text",
        "debug",
        "null",
        "node",
        "skip",
        "30",
        "builtin:emf",
        "file:x",
        "configmap",
        "/a",
        "https://a",
    ];
    let mut refused = 0;
    for path in &paths {
        let values = words.iter().map(|word| scalar(word));
        for data in values.chain([Data::Mapping(Vec::new()), Data::Sequence(Vec::new())]) {
            let mut root = source.full.clone();
            find_mut(&mut root, path).data = data.clone();
            if let Some(problem) = problem_of(&schema, &root.to_json()) {
                assert!(!problems_of(&root).is_empty(), "{} = {data:?} is valid, but: {problem}", name(path));
                refused += 1;
            }
        }
    }
    assert!(refused > 1000, "{refused}");
    for text in [
        "intervall: 5s",
        "interval: 5",
        "role: nodes",
        "log: []",
        "sinks: {a: {type: file, pathh: x}}",
        "sinks: {'..': {type: stdout}}",
        "pipelines: [{nam: x}]",
    ] {
        assert!(problem_of(&schema, &parse(text)).is_some(), "{text}");
    }
}
