//! The tables of the product: declarations of `emf`, members of events, families for Prometheus, and the agent's own metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use insightd_tests::manifests::{list, text};
use insightd_tests::top;
use serde_json::Value;

pub(crate) type Names = BTreeSet<String>;

pub(crate) const EKS: &str = "ContainerInsights";
pub(crate) const ECS: &str = "ECS/ContainerInsights";

fn page(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The metrics that `emf` declares: the dimension sets of each namespace and name.
#[derive(Debug, Default)]
pub(crate) struct Declared(BTreeMap<(&'static str, String), BTreeSet<Names>>);

impl Declared {
    /// Reads the presets, those for events of ECS and those for all others. `agent` is in addition to one of them.
    pub(crate) fn new(presets: &[&str]) -> Self {
        let mut declared = Self::default();
        for preset in presets {
            let path = format!("deploy/metric-declarations/{preset}.yaml");
            let parsed: Value = serde_saphyr::from_str(&page(&path)).expect("is YAML");
            let lists = ["metric_declarations", "extra_metric_declarations"].map(|key| list(&parsed[key]));
            for declaration in lists.into_iter().flatten() {
                let sets = list(&declaration["dimensions"]).iter();
                let sets: Vec<Names> =
                    sets.map(|set| list(set).iter().map(|name| text(name).to_owned()).collect()).collect();
                for name in list(&declaration["metric_name_selectors"]).iter().map(text) {
                    let is_ecs = preset.starts_with("ecs") || name.starts_with("instance_");
                    let key = (if is_ecs { ECS } else { EKS }, name.to_owned());
                    declared.0.entry(key).or_default().extend(sets.iter().cloned());
                }
            }
        }
        declared
    }

    pub(crate) fn all() -> Self {
        Self::new(&["basic", "enhanced", "ecs", "ecs-enhanced", "agent"])
    }

    /// Returns the problem of a metric with a dimension set, if it is not declared.
    pub(crate) fn problem(&self, namespace: &str, metric: &str, dimensions: &Names) -> Option<String> {
        let known = self.0.iter().find(|((space, name), _)| *space == namespace && name == metric);
        match known {
            None => Some(format!("{namespace} has no metric {metric}")),
            Some((_, sets)) if sets.contains(dimensions) => None,
            Some(_) => Some(format!("{metric} is not declared with the dimensions {dimensions:?}")),
        }
    }

    /// Returns the names of all dimensions.
    pub(crate) fn dimensions(&self) -> Names {
        self.0.values().flatten().flatten().cloned().collect()
    }
}

/// The gauges that are members of events, by type of event.
pub(crate) fn members() -> BTreeMap<String, Names> {
    let table: Value = serde_json::from_str(&page("tests/metrics/metrics.json")).expect("is JSON");
    let mut members: BTreeMap<String, Names> = BTreeMap::new();
    for kind in list(&table["types"]) {
        let event = kind.get("event").unwrap_or(&kind["type"]);
        let names =
            list(&table["metrics"]).iter().filter(|metric| list(&metric["on"]).contains(&kind["type"]));
        let names = names.map(|metric| format!("{}{}", text(&kind["prefix"]), text(&metric["metric"])));
        members.entry(text(event).to_owned()).or_default().extend(names);
    }
    members
}

/// Returns the cells of the rows of all tables of a page, without those of headers.
pub(crate) fn rows(page: &str) -> impl Iterator<Item = Vec<String>> {
    page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("|--")).map(|line| {
        let line = line.trim().trim_matches('|').replace("\\|", "\u{0}");
        line.split('|').map(|cell| cell.trim().replace('\u{0}', "|")).collect()
    })
}

/// Returns the texts in backticks.
pub(crate) fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Families or metrics with their labels.
#[derive(Debug, Default)]
pub(crate) struct Labelled(pub(crate) BTreeMap<String, Names>);

impl Labelled {
    /// Reads the families of the formatter `prometheus` from docs/prometheus.md, which a test keeps equal to the code.
    pub(crate) fn families() -> Self {
        let page = page("docs/prometheus.md");
        let objects: BTreeMap<String, Names> = rows(&page)
            .filter(|row| row.len() == 2)
            .map(|row| (row[0].clone(), quoted(&row[1]).map(str::to_owned).collect()))
            .collect();
        let mut families = Self::default();
        for row in rows(&page).filter(|row| row.len() == 5 && row[0].starts_with('`')) {
            let (of, extra) = row[3].split_once(';').unwrap_or((&row[3], ""));
            // The names of some objects contain commas.
            let mut rest = of.trim();
            let mut labels = Names::new();
            while !rest.is_empty() {
                let known = objects.iter().filter(|(object, _)| rest.starts_with(object.as_str()));
                let (object, names) =
                    known.max_by_key(|(object, _)| object.len()).unwrap_or_else(|| panic!("object {rest}"));
                labels.extend(names.iter().cloned());
                rest = rest[object.len()..].trim_start_matches(',').trim_start();
            }
            labels.extend(quoted(extra).map(|label| label.split('=').next().unwrap_or_default().to_owned()));
            families.0.insert(row[0].trim_matches('`').to_owned(), labels);
        }
        families
    }

    /// Reads the agent's own metrics from docs/operations.md, which a test keeps complete.
    pub(crate) fn own() -> Self {
        let page = page("docs/operations.md");
        let mut own = Self::default();
        // `…` stands for the labels of the last row without it.
        let mut last = Names::new();
        for row in rows(&page).filter(|row| row.len() == 3 && row[0].starts_with('`')) {
            let own_labels = row[1].split(',').map(str::trim).filter(|label| !matches!(*label, "" | "…"));
            let mut labels: Names = own_labels.map(str::to_owned).collect();
            if row[1].starts_with('…') {
                labels.extend(last.iter().cloned());
            } else {
                last.clone_from(&labels);
            }
            for name in quoted(&row[0]) {
                own.0.insert(name.to_owned(), labels.clone());
            }
        }
        own
    }
}

#[test]
fn the_tables_are_read() {
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Names>();
    let declared = Declared::all();
    assert_eq!(declared.problem(EKS, "node_cpu_limit", &set(&["ClusterName"])), None);
    assert!(declared.problem(ECS, "node_cpu_limit", &set(&["ClusterName"])).is_some());
    assert!(declared.problem(EKS, "cluster_node_count", &set(&["ClusterName", "NodeName"])).is_some());
    let basic = Declared::new(&["basic"]);
    assert!(basic.problem(EKS, "pod_status_running", &set(&["ClusterName"])).is_some());

    assert!(members()["NodeFS"].contains("node_filesystem_utilization"));
    assert!(members()["Container"].contains("CpuUtilized"));

    let Labelled(families) = Labelled::families();
    assert_eq!(families["kube_node_status_condition"], set(&["condition", "node", "status"]));
    assert_eq!(families["node_filesystem_size_bytes"], set(&["device", "fstype", "mountpoint"]));
    assert!(families["container_cpu_usage_seconds_total"].contains("cpu") && families.len() > 100);

    let Labelled(own) = Labelled::own();
    assert_eq!(own["insightd_component_failures_total"], set(&["cause", "component", "pipeline", "slot"]));
    assert_eq!(own["insightd_output_events_lost_total"], set(&["cause", "pipeline", "sink", "slot"]));
    assert_eq!(own["insightd_interval_seconds"], set(&[]));
}
