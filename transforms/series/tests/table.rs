//! Rules that the tables keep.

use std::collections::BTreeSet;

use insightd_series::{Family, Kind, PROMETHEUS, Rows, SEMCONV, Value, is_metric_name, unit_of};

fn all() -> impl Iterator<Item = &'static Family<'static>> {
    PROMETHEUS.families().chain(SEMCONV.families())
}

#[test]
fn names_are_unique_and_described() {
    let mut seen = BTreeSet::new();
    for family in all() {
        assert!(seen.insert(family.name), "{} twice", family.name);
        assert!(family.help.ends_with('.') && !family.help.contains(['\n', '\\']), "{}", family.name);
        assert!(!family.on.is_empty(), "{}", family.name);
    }
}

#[test]
fn names_of_prometheus_are_valid_and_have_their_unit() {
    for family in PROMETHEUS.families() {
        assert!(is_metric_name(family.name), "{}", family.name);
        assert_eq!(family.unit, unit_of(family.name), "{}", family.name);
        // cAdvisor's own exceptions.
        let is_total = match family.name {
            "container_memory_failcnt" => true,
            "container_fs_inodes_total" => false,
            name => name.ends_with("_total"),
        };
        assert_eq!(family.kind == Kind::Counter, is_total, "{}", family.name);
        assert!(family.kind != Kind::UpDown, "{}", family.name);
    }
}

#[test]
fn names_of_the_conventions_are_theirs() {
    for family in SEMCONV.families() {
        let has_prefix =
            ["k8s.", "container.", "system."].iter().any(|prefix| family.name.starts_with(prefix));
        assert!(has_prefix && !family.unit.is_empty(), "{}", family.name);
    }
}

/// A counter of the batch stays one; of the others only the restarts are an up-down counter, by the conventions.
#[test]
fn types_match_the_raw_values() {
    for family in all() {
        let Rows::Fixed(rows) = family.rows else { continue };
        for row in rows {
            let counts = matches!(
                row.value,
                Value::Counter(..)
                    | Value::Throttle(..)
                    | Value::CounterElse(..)
                    | Value::CounterSum(..)
                    | Value::CounterDifference(..)
            );
            let is_counter = family.kind == Kind::Counter || family.name == "k8s.container.restart.count";
            assert_eq!(counts, is_counter, "{}", family.name);
        }
    }
}

/// Rows of one family differ by their labels, else two points would be one series.
#[test]
fn rows_differ_by_labels() {
    for family in all() {
        let Rows::Fixed(rows) = family.rows else { continue };
        let labels: BTreeSet<_> = rows.iter().map(|row| row.labels).collect();
        assert_eq!(labels.len(), rows.len(), "{}", family.name);
    }
}
