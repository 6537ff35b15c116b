//! Grafana dashboards.

use insightd_tests::manifests::{list, text};
use serde_json::Value;

use crate::promql::{Expression, Known};
use crate::rules::{own, workloads};
use crate::{changed, json, read};

const COLUMNS: u64 = 24;
/// The oldest schema of Grafana 11.
const SCHEMA: u64 = 39;

fn check(dashboard: &Value, known: &Known) -> Vec<String> {
    let mut problems = Vec::new();
    if dashboard["schemaVersion"].as_u64().is_none_or(|version| version < SCHEMA) {
        problems.push(format!("schemaVersion {}", dashboard["schemaVersion"]));
    }
    let variables = list(&dashboard["templating"]["list"]);
    let names: Vec<&str> = variables.iter().map(|variable| text(&variable["name"])).collect();
    if names.first() != Some(&"datasource") || variables[0]["type"] != "datasource" {
        problems.push(format!("variables {names:?}"));
    }
    for variable in &variables[1..] {
        problems.extend(variable_query(text(&variable["query"]["query"]), &names, known));
        if variable["definition"] != variable["query"]["query"] {
            problems.push(format!("definition {}", variable["definition"]));
        }
    }
    let mut ids = std::collections::BTreeSet::new();
    let mut cells = std::collections::BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        let mut add = |problem: String| problems.push(format!("{}: {problem}", panel["title"]));
        let of = |key: &str| panel["gridPos"][key].as_u64().unwrap_or(u64::MAX / 4);
        let (x, y, width, height) = (of("x"), of("y"), of("w"), of("h"));
        if x + width > COLUMNS || height > 100 {
            add("outside of the grid".into());
        } else if (x..x + width).any(|x| (y..y + height).any(|y| !cells.insert((x, y)))) {
            add("overlaps another panel".into());
        }
        if !ids.insert(panel["id"].as_u64()) {
            add("its id occurs twice".into());
        }
        if panel["type"] == "row" {
            continue;
        }
        for target in list(&panel["targets"]) {
            let query = text(&target["expr"]);
            let expression = Expression::parse(query);
            expression.check(known).into_iter().chain(used_variables(query, &names)).for_each(&mut add);
            let labels = expression.labels(known);
            let unknown =
                placeholders(text(&target["legendFormat"]), "{{", "}}").filter(|l| !labels.contains(*l));
            unknown.for_each(|label| add(format!("the legend has the label {label}")));
            if target["datasource"]["uid"] != "${datasource}" || panel["datasource"]["uid"] != "${datasource}"
            {
                add("another data source".into());
            }
        }
        if list(&panel["targets"]).is_empty() {
            add("no targets".into());
        }
    }
    problems
}

/// Checks `label_values(SELECTOR, LABEL)`.
fn variable_query(query: &str, names: &[&str], known: &Known) -> Vec<String> {
    let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    let Some((selector, label)) = inner.and_then(|inner| inner.rsplit_once(", ")) else {
        return vec![format!("query `{query}`")];
    };
    let expression = Expression::parse(selector);
    let mut problems = expression.check(known);
    problems.extend(used_variables(selector, names));
    if !expression.labels(known).contains(label) {
        problems.push(format!("`{selector}` has no label {label}"));
    }
    problems
}

/// Returns the problems of variables in an expression that are not defined.
fn used_variables(text: &str, names: &[&str]) -> Vec<String> {
    let used = text.split('$').skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        &rest[..end]
    });
    let unknown = used.filter(|name| *name != "__rate_interval" && !names.contains(name));
    unknown.map(|name| format!("no variable {name}")).collect()
}

/// Returns the texts between `open` and `close`.
pub(crate) fn placeholders<'a>(
    text: &'a str,
    open: &'a str,
    close: &'a str,
) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split(close).next()).map(str::trim)
}

#[test]
fn dashboards_show_what_is_scraped() {
    assert_eq!(check(&json("grafana-workloads.json"), &workloads()), [""; 0]);
    assert_eq!(check(&json("grafana-agent.json"), &own()), [""; 0]);
}

#[test]
fn mistakes_in_dashboards_are_found() {
    let good = read("grafana-workloads.json");
    for (old, new) in [
        ("node_cpu_seconds_total", "node_cpu_second_total"),
        ("namespace=~", "namespaces=~"),
        ("{{mountpoint}}", "{{mount}}"),
        ("by (cluster, namespace)", "by (cluster, team)"),
        ("$namespace", "$team"),
        ("kube_pod_info", "kube_pods_info"),
        ("${datasource}", "prometheus"),
    ] {
        let wrong = serde_json::from_str(&changed(&good, old, new)).unwrap();
        assert_ne!(check(&wrong, &workloads()), [""; 0], "{new}");
    }
    let wrong = changed(&read("grafana-agent.json"), "insightd_leader", "insightd_leaders");
    assert_ne!(check(&serde_json::from_str(&wrong).unwrap(), &own()), [""; 0]);
}
