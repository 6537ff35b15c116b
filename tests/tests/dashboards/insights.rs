//! Queries of CloudWatch Logs Insights: every field is a member of the events of the log group.

use std::collections::BTreeMap;

use crate::tables::{Declared, Names, members};

/// Commands, functions and operators that the files use.
const WORDS: [&str; 13] =
    ["as", "avg", "bin", "by", "count", "desc", "filter", "in", "latest", "limit", "max", "sort", "stats"];
/// Fields of every log event that Logs Insights adds.
const SYSTEM: [&str; 2] = ["@ingestionTime", "@timestamp"];
/// Fields of every line of the agent's log in JSON, and the field that lines about failures have.
const LOG: [&str; 5] = ["error", "level", "message", "target", "timestamp"];

/// The fields that a log group has.
enum Group {
    Events,
    Log,
}

impl Group {
    fn new(name: &str) -> Option<Self> {
        match name {
            // The default log groups of `emf`.
            "/aws/containerinsights/insightd-cluster/performance"
            | "/aws/ecs/containerinsights/insightd-cluster/performance" => Some(Self::Events),
            // deploy/ecs/cloudformation.yaml
            "/ecs/insightd/insightd-cluster" => Some(Self::Log),
            _ => None,
        }
    }
}

/// The fields of events.
#[derive(Debug)]
pub(crate) struct Fields {
    attributes: Names,
    members: BTreeMap<String, Names>,
}

impl Fields {
    pub(crate) fn new(declared: &Declared) -> Self {
        let mut attributes = declared.dimensions();
        attributes.insert("Type".into());
        Self { attributes, members: members() }
    }

    /// Checks a query: `SOURCE 'GROUP' | COMMAND | …`.
    pub(crate) fn check(&self, query: &str) -> Vec<String> {
        let source = query.strip_prefix("SOURCE '").and_then(|rest| rest.split_once("' | "));
        let Some((group, query)) = source else { return vec![format!("`{query}` has no SOURCE")] };
        let Some(group) = Group::new(group) else { return vec![format!("unknown log group {group}")] };
        let words = words(query);
        let aliases: Names =
            words.windows(2).filter(|pair| pair[0] == "as").map(|pair| pair[1].clone()).collect();
        let of_type = query.split("Type = \"").nth(1).and_then(|rest| rest.split('"').next());
        let is_field = |name: &str| match (&group, of_type) {
            (Group::Log, _) => LOG.contains(&name),
            (Group::Events, _) if self.attributes.contains(name) => true,
            (Group::Events, Some(kind)) => self.members.get(kind).is_some_and(|names| names.contains(name)),
            (Group::Events, None) => false,
        };
        let is_known = |word: &str| {
            WORDS.contains(&word) || SYSTEM.contains(&word) || aliases.contains(word) || is_field(word)
        };
        let unknown = words.iter().filter(|word| !is_known(word));
        unknown.map(|word| format!("`{word}` in `{query}` is unknown")).collect()
    }
}

/// Returns the words of a query, without strings and numbers.
fn words(query: &str) -> Vec<String> {
    let outside: String = query.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    let words = outside.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@' | '.')));
    words
        .filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '@'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn mistakes_in_queries_are_found() {
    let fields = Fields::new(&Declared::all());
    let good = "SOURCE '/aws/containerinsights/insightd-cluster/performance' | filter Type = \"Node\" | stats \
                max(node_kubelet_age) / 1000 as age by NodeName, bin(5m) | sort age desc";
    assert_eq!(fields.check(good), [""; 0]);
    for (old, new) in [
        ("node_kubelet_age", "node_kubelet_ages"),
        ("Node\"", "Pod\""),
        ("NodeName", "Node"),
        ("as age", "as old"),
        ("insightd-cluster", "other"),
    ] {
        assert_ne!(fields.check(&crate::changed(good, old, new)), [""; 0], "{new}");
    }
}
