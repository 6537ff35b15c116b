//! The two tables.

mod cadvisor;
mod jobs;
mod kubelet;
mod node;
mod semconv;
mod state;
mod workloads;

use crate::family::{Family, Kind, On, Row, Rows, Source, Text};
use crate::identity::Scheme;
use crate::text::unit_of;
use crate::value::Value;

/// The families of one dialect.
#[derive(Debug)]
pub struct Table {
    pub(crate) scheme: Scheme,
    parts: &'static [&'static [Family<'static>]],
}

/// Names of cAdvisor, the kubelet, node_exporter and kube-state-metrics.
pub static PROMETHEUS: Table = Table {
    scheme: Scheme::Prometheus,
    parts: &[
        cadvisor::FAMILIES,
        kubelet::FAMILIES,
        node::FAMILIES,
        state::FAMILIES,
        workloads::FAMILIES,
        jobs::FAMILIES,
    ],
};

/// Names of OpenTelemetry's semantic conventions, version 1.44.
pub static SEMCONV: Table = Table {
    scheme: Scheme::Conventions,
    parts: &[semconv::FAMILIES, semconv::OF_NODES, semconv::OF_CLUSTERS],
};

impl Table {
    /// Iterates over all families, in the order of the documentation.
    pub fn families(&self) -> impl Iterator<Item = &'static Family<'static>> {
        self.parts.iter().copied().flatten()
    }

    /// Returns true if the table has a family of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.families().any(|family| family.name == name)
    }
}

const NO_LABELS: &[(&str, &str)] = &[];

/// A family with the unit that its name has.
const fn family(
    kind: Kind,
    source: Source,
    name: &'static str,
    on: &'static [On],
    rows: &'static [Row],
    help: &'static str,
) -> Family<'static> {
    Family { name, help, unit: unit_of(name), kind, source, on, attributes: &[], rows: Rows::Fixed(rows) }
}

const fn row(value: Value, labels: &'static [(&'static str, &'static str)]) -> Row {
    Row { value, labels }
}

impl Family<'static> {
    const fn with(self, attributes: &'static [(&'static str, Text)]) -> Self {
        Self { attributes, ..self }
    }
}
