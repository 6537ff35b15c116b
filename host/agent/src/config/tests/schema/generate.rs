//! Makes the JSON Schema: keys, descriptions and defaults are those of `deploy/insightd.yaml`, types are those that the
//! parser's errors name. Since the example documents every key and the parser refuses unknown ones, schema and parser have
//! the same keys.

use insightd_yaml::{Data, Entry, Node};
use serde_json::{Map, Value, json};

use super::switched_on;
use crate::config::reader::{Problems, Section};
use crate::config::{DEFAULT, Environment, sections};

/// A key of a mapping, or an index of a list.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

fn find<'n>(node: &'n Node, path: &[Step]) -> Option<&'n Node> {
    let Some((step, rest)) = path.split_first() else { return Some(node) };
    match (step, &node.data) {
        (Step::Key(key), Data::Mapping(entries)) => {
            entries.iter().find(|entry| entry.key == *key).and_then(|entry| find(&entry.value, rest))
        }
        (Step::Index(index), Data::Sequence(items)) => items.get(*index).and_then(|item| find(item, rest)),
        _ => None,
    }
}

pub(super) fn find_mut<'n>(node: &'n mut Node, path: &[Step]) -> &'n mut Node {
    let Some((step, rest)) = path.split_first() else { return node };
    match (step, &mut node.data) {
        (Step::Key(key), Data::Mapping(entries)) => {
            find_mut(&mut entries.iter_mut().find(|entry| entry.key == *key).unwrap().value, rest)
        }
        (Step::Index(index), Data::Sequence(items)) => find_mut(&mut items[*index], rest),
        _ => panic!("{step:?} is not there"),
    }
}

pub(super) fn name(path: &[Step]) -> String {
    path.iter().fold(String::new(), |name, step| match step {
        Step::Key(key) if name.is_empty() => key.clone(),
        Step::Key(key) => format!("{name}.{key}"),
        Step::Index(index) => format!("{name}[{index}]"),
    })
}

pub(super) fn join(path: &[Step], step: Step) -> Vec<Step> {
    [path, &[step]].concat()
}

pub(super) fn scalar(text: &str) -> Data {
    Data::Scalar { text: text.into(), plain: true }
}

/// Returns the problems of a tree, each with its path.
pub(super) fn problems_of(root: &Node) -> Vec<(String, String)> {
    let problems = Problems::default();
    sections::read(&Section::root(Some(root), &problems), &problems, &Environment::default());
    let report = problems.into_report(None).into_iter();
    report.flat_map(|report| report.problems).map(|problem| (problem.path, problem.message)).collect()
}

/// The example with all its disabled keys, the example as it is, and the text of the former.
pub(super) struct Source {
    pub(super) full: Node,
    defaults: Node,
    lines: Vec<String>,
}

impl Source {
    pub(super) fn new() -> Self {
        let text = switched_on();
        let parse = |text: &str| insightd_yaml::parse(text).unwrap().unwrap();
        Self {
            full: parse(&text),
            defaults: parse(DEFAULT),
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    /// Returns the parser's error about the value at `path` if it were `data`.
    fn error(&self, path: &[Step], data: Data) -> Option<String> {
        let mut root = self.full.clone();
        find_mut(&mut root, path).data = data;
        problems_of(&root).into_iter().find(|(at, _)| *at == name(path)).map(|(_, message)| message)
    }

    /// Returns the parser's error about a key of the mapping at `path` if it had this value; without one, if it were not there.
    fn error_of_key(&self, path: &[Step], key: &str, data: Option<Data>) -> Option<String> {
        let mut root = self.full.clone();
        let node = find_mut(&mut root, path);
        let at = node.at;
        let Data::Mapping(entries) = &mut node.data else { panic!("{} is no mapping", name(path)) };
        entries.retain(|entry| entry.key != key);
        let new = |data| Entry { key: key.into(), at, value: Node { at, block: None, data } };
        entries.extend(data.map(new));
        let wanted = name(&join(path, Step::Key(key.into())));
        problems_of(&root).into_iter().find(|(at, _)| *at == wanted).map(|(_, message)| message)
    }

    /// Returns the first paragraph of the comment above a line.
    fn description(&self, line: usize) -> Option<String> {
        let above = self.lines[..line - 1].iter().rev().map(|line| line.trim());
        let mut comment: Vec<&str> = above.map_while(|line| line.strip_prefix('#')).collect();
        comment.reverse();
        let paragraph: Vec<&str> =
            comment.into_iter().map(str::trim).take_while(|line| !line.is_empty()).collect();
        (!paragraph.is_empty()).then(|| paragraph.join(" "))
    }

    fn default(&self, path: &[Step]) -> Option<Value> {
        let is_described = !name(path).starts_with("pipelines") && !name(path).starts_with("sinks");
        let node = find(&self.defaults, path).filter(|node| is_described && !node.is_null())?;
        (!matches!(node.data, Data::Mapping(_))).then(|| node.to_json())
    }

    /// Returns the schema of the value at `path`.
    fn schema(&self, path: &[Step]) -> Value {
        match &find(&self.full, path).unwrap().data {
            Data::Scalar { .. } => self.scalar(path),
            Data::Sequence(_) => {
                let first = join(path, Step::Index(0));
                let items = match find(&self.full, &first) {
                    Some(_) => self.schema(&first),
                    None => json!({"$ref": "#/$defs/text"}),
                };
                json!({"type": ["array", "null"], "items": items})
            }
            Data::Mapping(entries) => {
                let is_closed = self
                    .error_of_key(path, "probe", Some(scalar("x")))
                    .is_some_and(|error| error.starts_with("unknown key"));
                if is_closed { self.section(path, entries) } else { self.named(path, entries) }
            }
        }
    }

    /// Returns the schema of a mapping with known keys.
    fn section(&self, path: &[Step], entries: &[Entry]) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for entry in entries {
            let path_of_key = join(path, Step::Key(entry.key.clone()));
            let mut schema = self.schema(&path_of_key);
            if let Some(description) = self.description(entry.at.line) {
                schema["description"] = description.into();
            }
            if let Some(default) = self.default(&path_of_key) {
                schema["default"] = default;
            }
            properties.insert(entry.key.clone(), schema);
            let missing = self.error_of_key(path, &entry.key, None);
            if missing.is_some_and(|error| {
                error.starts_with("required") || error.starts_with("at least one is required")
            }) {
                required.push(entry.key.clone());
            }
        }
        let mut schema =
            json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false});
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema
    }

    /// Returns the schema of a mapping whose keys are names: sinks, tags, routes, files; or of the configuration of a component.
    fn named(&self, path: &[Step], entries: &[Entry]) -> Value {
        let error = self.error_of_key(path, "probe", Some(scalar("x.txt"))).unwrap_or_default();
        let is_mapping = self.error_of_key(path, "probe", Some(Data::Mapping(Vec::new())));
        let value = if error.starts_with("expected a list") {
            json!({"type": "array", "items": {"$ref": "#/$defs/text"}})
        } else if error.starts_with("expected a mapping") {
            let kinds = entries.iter().map(|entry| {
                let path = join(path, Step::Key(entry.key.clone()));
                let kind = find(&self.full, &join(&path, Step::Key("type".into()))).unwrap().to_json();
                let mut schema = self.schema(&path);
                schema["type"] = "object".into();
                schema["properties"]["type"] = json!({"const": kind});
                schema
            });
            json!({"anyOf": kinds.collect::<Vec<_>>()})
        } else if is_mapping.is_some() {
            json!({"$ref": "#/$defs/text"})
        } else {
            json!(true)
        };
        let mut schema = json!({"type": ["object", "null"], "additionalProperties": value});
        let error = self.error_of_key(path, "..", Some(scalar("x"))).unwrap_or_default();
        if error.starts_with("invalid sink name") {
            schema["propertyNames"] = json!({"pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"});
        }
        schema
    }

    fn scalar(&self, path: &[Step]) -> Value {
        let error = |text: &str| self.error(path, scalar(text)).unwrap_or_default();
        let message = error("?!");
        let reference = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
        if let Some(words) = words(&message) {
            let flags = words.iter().filter(|word| matches!(**word, "true" | "false"));
            let flags = flags.map(|word| json!(*word == "true"));
            let words: Vec<Value> =
                words.iter().map(|word| json!(word)).chain(flags).chain([Value::Null]).collect();
            return json!({"anyOf": [{"enum": words}, reference("reference")]});
        }
        if message.starts_with("expected a whole number") {
            let message = error("99999999999999");
            if let Some(numbers) = words(&message) {
                let numbers = numbers.iter().map(|number| json!(number.parse::<u64>().unwrap()));
                let numbers: Vec<Value> = numbers.chain([Value::Null]).collect();
                return json!({"anyOf": [{"enum": numbers}, reference("reference")]});
            }
            let range = message.strip_prefix("must be from ").and_then(|range| range.split_once(" to "));
            let (least, most) = range.unwrap_or_else(|| panic!("{}: {message}", name(path)));
            let (least, most): (u64, u64) = (least.parse().unwrap(), most.parse().unwrap());
            return json!({"$ref": "#/$defs/integer", "minimum": least, "maximum": most});
        }
        let kinds = [
            ("expected true or false", "flag"),
            ("invalid duration", "duration"),
            ("invalid size", "size"),
            ("invalid component", "component"),
            ("invalid percentage", if error("any").is_empty() { "bound" } else { "percentage" }),
        ];
        let kind = kinds.iter().find(|(begin, _)| message.starts_with(begin));
        reference(kind.map_or("text", |(_, kind)| *kind))
    }
}

/// Returns the words of `expected one of A, B, found …`.
fn words(message: &str) -> Option<Vec<&str>> {
    let list = message.split_once("expected one of ")?.1;
    Some(list.split(", found ").next()?.split(", ").collect())
}

/// Returns the whole schema. A value with a reference to an environment variable is valid for every type.
pub(super) fn made() -> Value {
    let source = Source::new();
    let mut schema = source.schema(&[]);
    let pattern =
        |pattern: &str| json!({"type": ["string", "null"], "pattern": format!("^({pattern})$|\\$\\{{")});
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "Configuration of insightd".into();
    schema["$defs"] = json!({
        "reference": {"type": "string", "pattern": "\\$\\{", "description": "${NAME} or ${NAME:-DEFAULT}: the value of an environment variable."},
        "text": {"type": ["string", "number", "boolean", "null"]},
        "flag": {"type": ["boolean", "string", "null"], "pattern": "^(true|false)$|\\$\\{"},
        "integer": {"type": ["integer", "string", "null"], "pattern": "^[0-9]+$|\\$\\{"},
        "duration": pattern("[0-9]+ *(ms|s|m|h)"),
        "size": pattern("[0-9]+ *(B|KiB|MiB|GiB)"),
        "percentage": pattern("[0-9.]+ *%"),
        "bound": pattern("any|[0-9.]+ *%"),
        "component": pattern("(builtin|file):[A-Za-z0-9_-][A-Za-z0-9._-]*"),
    });
    schema
}
