//! Expressions of CloudWatch: SEARCH, metric math, and queries of Metrics Insights.

use std::collections::BTreeSet;

use crate::tables::{Declared, Names};

/// Name of the cluster in the dashboards, which a user replaces.
pub(crate) const CLUSTER: &str = "insightd-cluster";

/// Functions and keywords of metric math that the files use.
const MATH: [&str; 1] = ["FILL"];

/// Checks an expression; `ids` are those of the metrics beside it.
pub(crate) fn check(expression: &str, ids: &Names, declared: &Declared) -> Vec<String> {
    if expression.starts_with("SELECT ") {
        return select(expression, declared);
    }
    let mut searches = expression.split("SEARCH('");
    let math = searches.next().unwrap_or_default();
    let searches: Vec<&str> = searches.collect();
    if searches.is_empty() {
        return words(math)
            .filter(|word| !MATH.contains(word) && !ids.contains(*word))
            .map(|word| format!("`{word}` in `{expression}` is neither a function nor an id"))
            .collect();
    }
    searches
        .into_iter()
        .flat_map(|rest| search(rest.split('\'').next().unwrap_or_default(), declared))
        .collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with(|c: char| c.is_alphabetic()))
}

/// Checks the text of a search: `{NAMESPACE,DIMENSION,…} KEY="VALUE" …`.
pub(crate) fn search(text: &str, declared: &Declared) -> Vec<String> {
    let Some((schema, terms)) = text.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
        return vec![format!("`{text}` has no schema")];
    };
    let mut schema = schema.split(',');
    let namespace = schema.next().unwrap_or_default();
    let dimensions: Names = schema.map(str::to_owned).collect();
    let mut problems = Vec::new();
    let mut metric = None;
    for term in terms.split_whitespace() {
        match term.split_once('=').map(|(key, value)| (key, value.trim_matches('"'))) {
            Some(("MetricName", name)) => metric = Some(name),
            Some(("ClusterName", CLUSTER)) => {}
            Some((key, _)) if key != "ClusterName" && dimensions.contains(key) => {}
            _ => problems.push(format!("term `{term}` of `{text}`")),
        }
    }
    match metric {
        Some(metric) => problems.extend(declared.problem(namespace, metric, &dimensions)),
        None => problems.push(format!("`{text}` has no MetricName")),
    }
    problems
}

/// Checks `SELECT FUNCTION(METRIC) FROM SCHEMA("NAMESPACE", DIMENSION, …) WHERE ClusterName = '…'`.
fn select(query: &str, declared: &Declared) -> Vec<String> {
    let parsed = || {
        let (function, rest) = query.strip_prefix("SELECT ")?.split_once('(')?;
        let (metric, rest) = rest.split_once(") FROM SCHEMA(")?;
        let (schema, condition) = rest.split_once(") WHERE ClusterName = '")?;
        let is_known = ["AVG", "COUNT", "MAX", "MIN", "SUM"].contains(&function);
        (is_known && condition.ends_with('\'')).then_some((metric, schema))
    };
    let Some((metric, schema)) = parsed() else { return vec![format!("cannot read `{query}`")] };
    let mut schema = schema.split(", ").map(|name| name.trim_matches('"'));
    let namespace = schema.next().unwrap_or_default();
    let dimensions: BTreeSet<String> = schema.map(str::to_owned).collect();
    declared.problem(namespace, metric, &dimensions).into_iter().collect()
}

#[test]
fn mistakes_in_expressions_are_found() {
    let declared = Declared::all();
    let ids: Names = ["nodes".to_owned()].into();
    let good = [
        "nodes - FILL(nodes, 0)",
        "SORT(SEARCH('{ContainerInsights,ClusterName} ClusterName=\"insightd-cluster\" MetricName=\"node_cpu_limit\"', 'Sum', 60), MAX, DESC, 20)",
        "SELECT SUM(node_cpu_limit) FROM SCHEMA(\"ContainerInsights\", ClusterName) WHERE ClusterName = 'a'",
    ];
    for expression in good {
        assert_eq!(check(expression, &ids, &declared), [""; 0], "{expression}");
    }
    for (old, new) in [
        ("nodes", "node"),
        ("node_cpu_limit", "node_cpu_limits"),
        ("ClusterName", "Cluster"),
        ("FILL", "FULL"),
    ] {
        for expression in good.iter().filter(|expression| expression.contains(old)) {
            let wrong = expression.replacen(old, new, 1);
            assert_ne!(check(&wrong, &ids, &declared), [""; 0], "{wrong}");
        }
    }
}
