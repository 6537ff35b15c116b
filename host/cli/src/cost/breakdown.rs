//! Counts by type, namespace, metric, dimension set and label, with what leaving each out would save.

use std::collections::{BTreeMap, BTreeSet};

use super::prices::{Money, Prices};
use super::quantity::Quantities;
use super::usage::{Kind, Section, Usage};

/// The format of payloads that are broken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Log events with metrics in the embedded metric format.
    Emf,
    /// Export requests.
    Otlp,
}

/// A group, such as a metric, of a day.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// `None` for what has no such name.
    pub(super) name: Option<String>,
    /// Events or data points that have it.
    pub(super) items: f64,
    /// Bytes that it causes.
    pub(super) bytes: f64,
    /// Series that have it.
    pub(super) series: f64,
    /// Usage that would be gone without it.
    pub(super) saved: Quantities,
    /// The money of a month that this saves.
    pub(super) money: Money,
}

/// The groups of a kind.
#[derive(Debug)]
pub(super) struct Breakdown {
    pub(super) format: Format,
    pub(super) kind: Kind,
    /// Entries, those that save most first.
    pub(super) rows: Vec<Row>,
}

impl Breakdown {
    /// Returns the key in JSON.
    pub(super) fn key(&self) -> &'static str {
        match self.kind {
            Kind::Type => "by_type",
            Kind::Namespace => "by_namespace",
            Kind::Metric => "by_metric",
            Kind::Dimensions => "by_dimensions",
            Kind::Label => "by_label",
        }
    }

    /// Returns the heading of the table.
    pub(super) fn title(&self) -> &'static str {
        match (self.format, self.kind) {
            (Format::Emf, Kind::Type) => "EMF by event type",
            (Format::Emf, Kind::Namespace) => "EMF by Kubernetes namespace",
            (Format::Emf, Kind::Metric) => "EMF by metric",
            (Format::Emf, Kind::Dimensions) => "EMF by dimension set",
            (Format::Emf, Kind::Label) => "EMF by label: dimensions and other members of the events",
            (Format::Otlp, Kind::Namespace) => {
                "OTLP by Kubernetes namespace (k8s.namespace.name), billed bytes"
            }
            (Format::Otlp, Kind::Metric) => "OTLP by metric, billed bytes",
            (Format::Otlp, _) => "OTLP by label: attributes of resources, scopes and points, billed bytes",
        }
    }
}

/// Returns the breakdowns of all formats that occur.
pub(super) fn breakdowns(usage: &Usage, nodes: u32, prices: &Prices) -> Vec<Breakdown> {
    let total = usage.quantities(nodes);
    let mut breakdowns = Vec::new();
    for (format, section) in [(Format::Emf, &usage.emf), (Format::Otlp, &usage.otlp)] {
        for kind in Kind::ALL {
            let mut rows = rows(usage, section, format, kind, nodes);
            if rows.is_empty() {
                continue;
            }
            for row in &mut rows {
                row.money = prices.saving(&total, &row.saved);
            }
            rows.sort_by(|a, b| {
                let key = |row: &Row| (row.money.sum().unwrap_or(0.0), row.bytes);
                let (a_key, b_key) = (key(a), key(b));
                b_key.0.total_cmp(&a_key.0).then(b_key.1.total_cmp(&a_key.1)).then(a.name.cmp(&b.name))
            });
            breakdowns.push(Breakdown { format, kind, rows });
        }
    }
    breakdowns
}

fn rows(usage: &Usage, section: &Section, format: Format, kind: Kind, nodes: u32) -> Vec<Row> {
    let counts = &section.groups[kind as usize];
    // By group: all of its series, and those of no other group.
    let mut series: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for one in section.series.values() {
        let groups = &one.groups[kind as usize];
        for group in groups {
            let (all, own) = series.entry(*group).or_default();
            *all += one.weight(nodes);
            *own += if groups.len() == 1 { one.weight(nodes) } else { 0.0 };
        }
    }
    let groups: BTreeSet<u32> = counts.keys().chain(series.keys()).copied().collect();
    let row = |group: &u32| {
        let (items, bytes) = counts.get(group).map_or((0.0, 0.0), |counts| usage.day(counts, nodes));
        let (all, own) = series.get(group).copied().unwrap_or_default();
        let saved = match (format, kind) {
            (Format::Otlp, _) => Quantities { otlp_bytes: bytes, ..Quantities::default() },
            // Events of other types and namespaces go on declaring the series that they share.
            (Format::Emf, Kind::Type | Kind::Namespace) => {
                Quantities { series: own, log_bytes: bytes, otlp_bytes: 0.0 }
            }
            // Without a label, there is no dimension set that has it.
            (Format::Emf, _) => Quantities { series: all, log_bytes: bytes, otlp_bytes: 0.0 },
        };
        let name = Some(usage.text(*group).to_owned()).filter(|name| !name.is_empty());
        Row { name, items, bytes, series: all, saved, money: Money::default() }
    };
    groups.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::emf;
    use super::*;

    #[test]
    fn a_namespace_saves_only_the_series_of_its_own() {
        let event = |namespace: &str, cluster: &str| {
            format!(
                r#"{{"Namespace":"{namespace}","ClusterName":"{cluster}","m":1,"_aws":{{"CloudWatchMetrics":[{{"Namespace":"N","Dimensions":[["ClusterName"],["ClusterName","Namespace"]],"Metrics":[{{"Name":"m"}}]}}]}}}}"#
            )
        };
        let mut usage = Usage::default();
        usage.begin("node", "a", 86_400_000);
        for namespace in ["a", "b"] {
            emf::count(&mut usage, event(namespace, "c").as_bytes(), true);
        }
        let prices = Prices::load(None).unwrap();
        let breakdowns = breakdowns(&usage, 1, &prices);
        let find = |kind: Kind, name: &str| {
            let breakdown = breakdowns.iter().find(|breakdown| breakdown.kind == kind).unwrap();
            breakdown.rows.iter().find(|row| row.name.as_deref() == Some(name)).unwrap().clone()
        };
        // [ClusterName] is declared by both namespaces.
        let a = find(Kind::Namespace, "a");
        assert_eq!((a.series, a.saved.series), (2.0, 1.0));
        assert_eq!(a.saved.log_bytes, (event("a", "c").len() + 26) as f64);
        let [metrics, ..] = a.money.0;
        assert!((metrics.unwrap() - 0.30).abs() < 1e-9, "{metrics:?}");
        assert_eq!(find(Kind::Label, "Namespace").saved.series, 2.0);
        assert_eq!(find(Kind::Label, "ClusterName").saved.series, 3.0);
        assert_eq!(find(Kind::Metric, "m").saved.series, 3.0);
        assert_eq!(find(Kind::Dimensions, "ClusterName, Namespace").saved.series, 2.0);
        assert!(breakdowns.iter().all(|breakdown| breakdown.format == Format::Emf));
    }
}
