//! Rules of Prometheus, and the scrape configurations that give their series labels.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use insightd_tests::manifests::{list, text};
use insightd_tests::{skipped, top};
use serde_json::{Value, json};

use crate::grafana::placeholders;
use crate::promql::{Expression, Known};
use crate::tables::{Labelled, Names, quoted, rows};
use crate::{changed, read, yaml};

const AGENT: &str = "prometheus-agent-rules.yaml";
const WORKLOADS: &str = "prometheus-workloads-rules.yaml";

/// Returns the labels that a job of the scrape configuration gives to its targets.
fn target(job: &str) -> Names {
    let configuration = yaml("prometheus-scrape.yaml");
    let job = list(&configuration["scrape_configs"]).iter().find(|found| found["job_name"] == job).unwrap();
    let labels = list(&job["relabel_configs"]).iter().map(|rule| text(&rule["target_label"]));
    let labels = labels.filter(|label| !label.is_empty() && !label.starts_with("__"));
    labels.chain(["instance", "job"]).map(str::to_owned).collect()
}

/// The agents' own metrics, as they are scraped.
pub(crate) fn own() -> Known {
    Known { metrics: Labelled::own().0, target: target("insightd") }
}

/// The families of the formatter `prometheus`, as they are scraped, and what the rules record.
pub(crate) fn workloads() -> Known {
    let mut known = Known { metrics: Labelled::families().0, target: target("insightd-workloads") };
    let file = yaml(WORKLOADS);
    for rule in rules(&file).filter(|rule| rule["record"].is_string()) {
        let labels = Expression::parse(text(&rule["expr"])).labels(&known);
        known.metrics.insert(text(&rule["record"]).to_owned(), labels);
    }
    known
}

fn rules(file: &Value) -> impl Iterator<Item = &Value> {
    list(&file["groups"]).iter().flat_map(|group| list(&group["rules"]))
}

/// Returns all problems of a file of rules.
fn check(file: &Value, known: &Known) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for rule in rules(file) {
        let name = text(rule.get("alert").unwrap_or(&rule["record"]));
        let mut add = |problem: String| problems.push(format!("{name}: {problem}"));
        if name.is_empty() || !names.insert(name) {
            add("no name, or one that occurs twice".into());
        }
        let expression = Expression::parse(text(&rule["expr"]));
        expression.check(known).into_iter().for_each(&mut add);
        if rule["record"].is_string() {
            continue;
        }
        if !["critical", "info", "warning"].contains(&text(&rule["labels"]["severity"])) {
            add(format!("severity {}", rule["labels"]["severity"]));
        }
        let labels = expression.labels(known);
        for key in ["summary", "description"] {
            let text = text(&rule["annotations"][key]);
            if text.is_empty() {
                add(format!("no {key}"));
            }
            let used = placeholders(text, "$labels.", "}}");
            let unknown =
                used.map(|used| used.split(' ').next().unwrap_or_default()).filter(|l| !labels.contains(*l));
            unknown.for_each(|label| add(format!("{key} has the label {label}")));
        }
    }
    problems
}

#[test]
fn rules_use_what_is_scraped() {
    for (name, known) in [(AGENT, own()), (WORKLOADS, workloads())] {
        assert_eq!(check(&yaml(name), &known), [""; 0], "{name}");
    }
}

#[test]
fn mistakes_in_rules_are_found() {
    for (name, known, old, new) in [
        (AGENT, own(), "insightd_component_down > 2", "insightd_components_down > 2"),
        (AGENT, own(), "outcome=~", "outcomes=~"),
        (AGENT, own(), "$labels.sink", "$labels.sinks"),
        (AGENT, own(), "InsightdDown", "InsightdNoLeader"),
        (WORKLOADS, workloads(), "kube_statefulset_replicas", "kube_statefulset_spec_replicas"),
        (WORKLOADS, workloads(), "node:node_memory_used:ratio >", "node:node_memory:ratio >"),
        (WORKLOADS, workloads(), "condition=\"Ready\"", "type=\"Ready\""),
    ] {
        let wrong = serde_saphyr::from_str(&changed(&read(name), old, new)).unwrap();
        assert_ne!(check(&wrong, &known), [""; 0], "{new}");
    }
}

/// Alerts and expressions are those of docs/operations/alerts.md, in its order.
#[test]
fn alerts_of_agents_are_those_of_the_documentation() {
    let page = fs::read_to_string(top().join("docs/operations/alerts.md")).unwrap();
    let documented: Vec<(String, String)> = rows(&page)
        .filter(|row| row.len() == 3 && row[0].starts_with('`'))
        .map(|row| {
            let first = |cell: &str| quoted(cell).next().unwrap_or_default().to_owned();
            (first(&row[0]), first(&row[1]))
        })
        .collect();
    let file = yaml(AGENT);
    let alerts: Vec<(String, String)> =
        rules(&file).map(|rule| (text(&rule["alert"]).to_owned(), text(&rule["expr"]).to_owned())).collect();
    assert_eq!(alerts, documented);
}

/// Both ways of scraping read the same pages, at the ports of the overlays, with the same labels.
#[test]
fn both_scrape_configurations_are_equal() {
    let scrape = yaml("prometheus-scrape.yaml");
    let monitor = yaml("podmonitor.yaml");
    let ports = |overlay: &str| {
        let path = format!("deploy/overlays/{overlay}/kustomization.yaml");
        fs::read_to_string(top().join(path)).unwrap()
    };
    let (jobs, endpoints) = (list(&scrape["scrape_configs"]), list(&monitor["spec"]["podMetricsEndpoints"]));
    assert_eq!((jobs.len(), endpoints.len()), (2, 2));
    for (job, endpoint) in jobs.iter().zip(endpoints) {
        assert_eq!(job["metrics_path"], endpoint["path"]);
        assert_eq!(job["scrape_interval"], endpoint["interval"]);
        assert_eq!(job["honor_labels"], endpoint["honorLabels"]);
        let added = list(&endpoint["relabelings"]).iter();
        let labels: Names = added.clone().map(|rule| text(&rule["targetLabel"]).to_owned()).collect();
        // The operator adds these itself, unless the samples have them.
        let operator: Names = ["namespace", "pod", "instance"].map(str::to_owned).into();
        let wanted = target(text(&job["job_name"]));
        assert!(wanted.is_subset(&(&labels | &operator)), "{labels:?}");
        let name = added.clone().find(|rule| rule["targetLabel"] == "job").unwrap();
        assert_eq!(name["replacement"], job["job_name"]);

        let rules = list(&job["relabel_configs"]);
        let address = rules.iter().rfind(|rule| rule["target_label"] == "__address__").unwrap();
        let port = text(&address["replacement"]).rsplit(':').next().unwrap();
        let declared = format!("{{name: {}, containerPort: {port}}}", text(&endpoint["port"]));
        assert!(ports("prometheus").contains(&declared), "{declared}");
        assert_eq!(ports("scrape").contains(&declared), job["job_name"] == "insightd");
        let kept = rules.iter().find(|rule| rule["action"] == "keep").unwrap();
        assert_eq!(kept["regex"], json!(format!("(|{})", text(&endpoint["port"]))));
    }
}

/// Returns `promtool` of tests/receivers, or the first on the path.
fn promtool(test: &str) -> Option<Command> {
    let built = std::env::var_os("INSIGHTD_TEST_RECEIVERS").map(PathBuf::from);
    let candidates =
        [built.unwrap_or_else(|| top().join("target/receivers/bin")).join("promtool"), "promtool".into()];
    let found = candidates.into_iter().find(|program| {
        let mut version = Command::new(program);
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    });
    if found.is_none() {
        skipped(test, "no promtool: tests/receivers/build builds one");
    }
    found.map(Command::new)
}

#[test]
fn promtool_accepts_rules_and_scrape_configuration() {
    let test = "promtool_accepts_rules_and_scrape_configuration";
    for arguments in
        [&["check", "rules", AGENT, WORKLOADS][..], &["check", "config", "prometheus-scrape.yaml"]]
    {
        let Some(mut promtool) = promtool(test) else { return };
        let output = promtool.args(arguments).current_dir(top().join("deploy/dashboards")).output().unwrap();
        let report = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {report}");
    }
}

/// Alerts fire on series as the agents write them, and not before.
#[test]
fn alerts_fire() {
    let Some(mut promtool) = promtool("alerts_fire") else { return };
    let output =
        promtool.args(["test", "rules"]).arg(top().join("tests/fixtures/rules.yaml")).output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
}
