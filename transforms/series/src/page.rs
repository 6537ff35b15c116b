//! The tables as Markdown. Only for the documentation, whose test compares it with the tables.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::family::{Family, Kind, On, Rows, Source, Text};
use crate::identity;
use crate::table::Table;
use crate::value::Value;

/// Returns the families of a table, a section for each program or group of names.
pub fn markdown(table: &Table) -> String {
    let mut page = String::new();
    let mut section = "";
    for family in table.families() {
        let title = title(family);
        if title != section {
            section = title;
            page += &format!(
                "\n### {title}\n\n| family | type | unit | labels | from |\n|---|---|---|---|---|\n"
            );
        }
        let by_suffix = matches!(family.rows, Rows::Each(_));
        let unit = if by_suffix {
            "by suffix".to_string()
        } else if family.unit.is_empty() {
            String::new()
        } else {
            format!("`{}`", family.unit)
        };
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::UpDown => "up-down",
        };
        let (labels, from) = (labels(family), from(family));
        page += &format!("| `{}` | {kind} | {unit} | {labels} | {from} |\n", family.name);
    }
    page
}

/// Returns the labels of each class of objects.
pub fn classes(table: &Table) -> String {
    let mut page = String::from("| object | labels |\n|---|---|\n");
    let mut seen: Vec<On> = Vec::new();
    for &on in table.families().flat_map(|family| family.on) {
        if seen.contains(&on) {
            continue;
        }
        seen.push(on);
        let names = identity::names(on, table.scheme);
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let names = if names.is_empty() { "none".to_string() } else { names.join(", ") };
        page += &format!("| {} | {names} |\n", object(on));
    }
    page
}

fn title(family: &Family<'_>) -> &'static str {
    match family.source {
        Source::Cadvisor => "cAdvisor",
        Source::Kubelet => "kubelet",
        Source::NodeExporter => "node_exporter",
        Source::StateMetrics => "kube-state-metrics",
        Source::Published => "published",
        Source::Conventions => match family.name.split('.').next() {
            Some("container") => "Containers",
            Some("system") => "System",
            _ => "Kubernetes",
        },
    }
}

fn object(on: On) -> &'static str {
    match on {
        On::Root => "root cgroup",
        On::Pod => "pod",
        On::Container => "container",
        On::PodInterface => "interface of a pod",
        On::ContainerFs => "layer of a container",
        On::Volume => "volume",
        On::Node => "node",
        On::NodeInterface => "interface of the node",
        On::NodeFs => "file system of the node",
        On::NodeDisk => "disk",
        On::NodeCpu => "CPU",
        On::Agent => "agent",
        On::KubeNode => "Node, in scope `node`",
        On::KubePod => "pod (state)",
        On::KubeContainer => "main container (state)",
        On::KubeInitContainer => "init container (state)",
        On::ClusterNode => "Node, in scope `cluster`",
        On::Deployment => "Deployment",
        On::DaemonSet => "DaemonSet",
        On::StatefulSet => "StatefulSet",
        On::ReplicaSet => "ReplicaSet",
        On::Job => "Job",
        On::CronJob => "CronJob",
        On::Namespace => "namespace",
    }
}

/// Returns the objects, and the labels that the family adds to theirs.
fn labels(family: &Family<'_>) -> String {
    let objects: Vec<_> = family.on.iter().map(|&on| object(on)).collect();
    let mut names: Vec<String> = family.attributes.iter().map(|(name, _)| format!("`{name}`")).collect();
    match family.rows {
        Rows::Fixed(rows) => {
            for (name, value) in rows.iter().flat_map(|row| row.labels) {
                let only = rows.len() == 1;
                let name = if only { format!("`{name}=\"{value}\"`") } else { format!("`{name}`") };
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        Rows::Conditions { kind, status } => names.extend([format!("`{kind}`"), format!("`{status}`")]),
        Rows::Named(_) | Rows::Each(_) => {}
    }
    let objects = objects.join(", ");
    if names.is_empty() { objects } else { format!("{objects}; {}", names.join(", ")) }
}

fn from(family: &Family<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    match family.rows {
        Rows::Fixed(rows) => {
            for row in rows {
                let part = describe(&row.value);
                if !parts.contains(&part) {
                    parts.push(part);
                }
            }
        }
        Rows::Conditions { .. } => parts.push("`node.condition.TYPE`".to_string()),
        Rows::Named(name) => parts.push(format!("`{name}`")),
        Rows::Each(prefix) => parts.push(format!("`{prefix}NAME`")),
    }
    for (_, text) in family.attributes {
        let part = match text {
            Text::Attribute(key) => format!("`{key}`"),
            Text::AttributeElse(key, other) => format!("`{key}`, else `{other}`"),
            Text::ContainerId => "`container.id`".to_string(),
            Text::Node => continue,
        };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts.join("; ")
}

fn describe(value: &Value) -> String {
    let divided = |name: &str, divisor: f64| {
        if divisor == 1.0 { format!("`{name}`") } else { format!("`{name}` / {divisor:e}") }
    };
    match *value {
        Value::Counter(name, divisor) | Value::Gauge(name, divisor) => divided(name, divisor),
        Value::GaugeIf(name, other) => format!("`{name}`, with `{other}`"),
        Value::Throttle(name, divisor) => format!("{}, with `cpu.quota_millicores`", divided(name, divisor)),
        Value::CounterElse(name, other, divisor) | Value::GaugeElse(name, other, divisor) => {
            format!("{}, else {}", divided(name, divisor), divided(other, divisor))
        }
        Value::CounterSum(one, other, divisor) => format!("(`{one}` + `{other}`) / {divisor:e}"),
        Value::Remainder(from, less) => {
            let less: Vec<_> = less.iter().map(|name| format!(" - `{name}`")).collect();
            format!("`{from}`{}", less.concat())
        }
        Value::CounterDifference(one, other) | Value::Difference(one, other) => {
            format!("`{one}` - `{other}`")
        }
        Value::Sum(one, other) => format!("`{one}` + `{other}` (if known)"),
        Value::WorkingSet => {
            "`memory.usage_bytes` - `memory.inactive_file_bytes`, else `memory.working_set_bytes`".to_string()
        }
        Value::MemoryAvailable => "`memory.limit_bytes` - working set".to_string(),
        Value::CpuUsage => "`cpu.usage_nanocores` / 1e9, else growth of `cpu.usage_ns`".to_string(),
        Value::Quota => "`cpu.quota_millicores` × 100".to_string(),
        Value::Period => "100000, with `cpu.quota_millicores`".to_string(),
        Value::Shares => "`cpu.shares`, else 2 + (`cpu.weight` - 1) × 262142 / 9999".to_string(),
        Value::Age(since) => format!("(time of the batch - `{since}`) / 1e3"),
        Value::Is(key, _) | Value::IfSet(key) => format!("`{key}`"),
        Value::IfReason(key, wanted, _) => format!("`{key}` = `{wanted}`"),
        Value::FailedPods => "`job.failed`".to_string(),
        Value::FailedFor(_) => "`job.failure_reason`, with `job.failed`".to_string(),
        Value::One => "1".to_string(),
    }
}
