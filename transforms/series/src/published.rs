//! Families of the gauges that transforms of the chain published.

use alloc::vec::Vec;

use insights_sdk::{Batch, Name, Unit};

use crate::family::{Family, Kind, On, Rows, Source};
use crate::select::Selection;
use crate::subject::Subject;
use crate::table::Table;
use crate::text::{is_metric_name, unit_of};

/// Maximum number of published families of a slice.
const MAX_FAMILIES: usize = 512;

/// The class that stands for an entity if it has several.
const CLASSES: &[On] = &[
    On::Pod,
    On::Container,
    On::PodInterface,
    On::ContainerFs,
    On::Volume,
    On::Node,
    On::NodeInterface,
    On::NodeFs,
    On::NodeDisk,
    On::Agent,
    On::ClusterNode,
    On::Deployment,
    On::DaemonSet,
    On::StatefulSet,
    On::ReplicaSet,
    On::Job,
    On::CronJob,
    On::Namespace,
];

/// Returns the families of the selected gauges, and the number of names that are no valid names of metrics, that a table has
/// already, or that are beyond the bound.
pub(crate) fn families<'b>(
    batch: &'b Batch,
    table: &Table,
    selection: &Selection,
    subjects: &[Subject<'b>],
) -> (Vec<Family<'b>>, u32) {
    // Sorted.
    let mut seen: Vec<Name> = Vec::new();
    let mut families = Vec::new();
    let mut refused = 0;
    if !selection.wants_published() {
        return (families, refused);
    }
    for subject in subjects.iter().filter(|subject| CLASSES.contains(&subject.on)) {
        for (name, _) in subject.entity.gauge_names() {
            let Err(at) = seen.binary_search(&name) else { continue };
            seen.insert(at, name);
            let text = batch.text(name);
            // Raw names contain a dot.
            if text.contains('.') || !selection.has_published(text) {
                continue;
            }
            if !is_metric_name(text) || table.has(text) || families.len() >= MAX_FAMILIES {
                refused += 1;
                continue;
            }
            families.push(Family {
                name: text,
                help: "Published by a transform.",
                unit: unit(batch, text),
                kind: Kind::Gauge,
                source: Source::Published,
                on: CLASSES,
                attributes: &[],
                rows: Rows::Named(text),
            });
        }
    }
    (families, refused)
}

/// Returns the unit that the transform declared, in UCUM, else that of the name's suffix.
fn unit(batch: &Batch, name: &str) -> &'static str {
    match batch.unit(name) {
        Unit::Seconds => "s",
        Unit::Milliseconds => "ms",
        Unit::Microseconds => "us",
        Unit::Bytes => "By",
        Unit::Percent => "%",
        Unit::Count => "1",
        Unit::BytesPerSecond => "By/s",
        Unit::CountPerSecond => "1/s",
        _ => unit_of(name),
    }
}
