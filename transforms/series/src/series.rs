//! Points of a batch, family by family.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::json::integer_text;
use insights_sdk::{Batch, log};

use crate::each;
use crate::family::{Family, Rows, Text};
use crate::published;
use crate::select::Selection;
use crate::subject::{self, LeftOut, Subject};
use crate::table::Table;
use crate::text::{cut, sanitized};

/// Prefix of the gauges with a node's conditions.
const CONDITION: &str = "node.condition.";

/// All series of a batch.
#[derive(Debug)]
pub struct Series<'b> {
    batch: &'b Batch,
    families: Vec<Family<'b>>,
    subjects: Vec<Subject<'b>>,
    left_out: LeftOut,
    refused: u32,
}

/// One value of a series.
#[derive(Debug)]
pub struct Point<'p, 'b> {
    /// Family of the point.
    pub family: &'p Family<'b>,
    /// Object that has the value.
    pub subject: &'p Subject<'b>,
    /// Labels of the family and the row, in addition to those of the object. No value is empty.
    pub labels: &'p [(&'p str, Cow<'p, str>)],
    /// Value; finite.
    pub value: f64,
}

/// All points of a family, with those labels that are not the object's.
#[derive(Debug)]
pub struct Group<'s, 'b> {
    /// The family.
    pub family: &'s Family<'b>,
    series: &'s Series<'b>,
}

impl<'b> Series<'b> {
    /// Finds the objects of a batch, and the families that are selected.
    pub fn new(batch: &'b Batch, table: &'static Table, selection: &Selection) -> Self {
        let (subjects, left_out) = subject::find(batch, table.scheme, selection);
        let (published, mut refused) = published::families(batch, table, selection, &subjects);
        let mut families: Vec<Family<'b>> = Vec::new();
        for family in table.families() {
            match family.rows {
                Rows::Each(prefix) => {
                    refused +=
                        each::families(batch, table, selection, &subjects, (family, prefix), &mut families);
                }
                _ if selection.has_family(family.name) => families.push(*family),
                _ => {}
            }
        }
        families.extend(published);
        Self { batch, families, subjects, left_out, refused }
    }

    /// Iterates over the selected families in the order of the table, those that transforms published last.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_, 'b>> {
        self.families.iter().map(|family| Group { family, series: self })
    }

    /// Returns the objects, in the order of the batch.
    pub fn subjects(&self) -> &[Subject<'b>] {
        &self.subjects
    }

    /// Returns the selected families.
    pub fn families(&self) -> &[Family<'b>] {
        &self.families
    }

    /// Calls `each` with the points that an object has in a family.
    pub fn points(&self, family: &Family<'b>, subject: &Subject<'b>, each: &mut dyn FnMut(&Point<'_, 'b>)) {
        if !family.on.contains(&subject.on) {
            return;
        }
        let mut labels: Vec<(&str, Cow<'_, str>)> = Vec::new();
        let mut point = |labels: &[(&str, Cow<'_, str>)], value| {
            each(&Point { family, subject, labels, value });
        };
        match family.rows {
            Rows::Fixed(rows) => {
                let mut of_family = None;
                for row in rows {
                    let Some(value) = row.value.read(subject.entity) else { continue };
                    let of_family = *of_family.get_or_insert_with(|| {
                        self.add_attributes(family, subject, &mut labels);
                        labels.len()
                    });
                    labels.truncate(of_family);
                    labels.extend(row.labels.iter().map(|&(name, text)| (name, Cow::Borrowed(text))));
                    point(&labels, value);
                }
            }
            Rows::Conditions { kind, status } => {
                for (name, value) in subject.entity.gauges() {
                    let Some(condition) = name.strip_prefix(CONDITION).filter(|name| !name.is_empty()) else {
                        continue;
                    };
                    for (text, is) in [("true", 1.0), ("false", 0.0), ("unknown", -1.0)] {
                        labels.clear();
                        labels.push((kind, Cow::Borrowed(cut(condition))));
                        labels.push((status, Cow::Borrowed(text)));
                        point(&labels, f64::from(u8::from(value == is)));
                    }
                }
            }
            Rows::Named(name) => {
                if let Some(value) = subject.entity.gauge(name) {
                    point(&labels, value);
                }
            }
            Rows::Each(_) => {}
        }
    }

    fn add_attributes<'p>(
        &self,
        family: &Family<'b>,
        subject: &Subject<'b>,
        labels: &mut Vec<(&'p str, Cow<'p, str>)>,
    ) where
        'b: 'p,
    {
        let entity = subject.entity;
        for &(name, text) in family.attributes {
            let value: Option<Cow<'p, str>> = match text {
                Text::Attribute(key) => entity.attribute(key).map(|text| Cow::Borrowed(cut(text))),
                Text::AttributeElse(key, other) => {
                    let text = entity.attribute(key).filter(|text| !text.is_empty()).unwrap_or(other);
                    Some(Cow::Borrowed(cut(text)))
                }
                Text::Node => node_name(subject, self.batch).map(|text| Cow::Borrowed(cut(text))),
                Text::ContainerId => container_id(subject).map(Cow::Owned),
            };
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                labels.push((name, value));
            }
        }
    }

    /// Logs what was left out, a line for each reason.
    pub fn report(&self) {
        let LeftOut { orphans, duplicates, labels } = self.left_out;
        let reasons = [
            (self.refused, " published names left out: invalid, names of other metrics, or more than 512"),
            (
                orphans,
                " entities left out: their pod is in another slice of the batch; set `identify_all` of `decorate`",
            ),
            (duplicates, " objects left out: another one has the same labels"),
            (labels, " pod labels left out: more than 64, or the same name once characters are replaced"),
        ];
        for (count, reason) in reasons {
            if count > 0 {
                log::warn(&[&integer_text(u64::from(count)), reason].concat());
            }
        }
        if self.subjects.iter().any(|subject| is_swept(subject)) {
            log::warn(
                "the batch has no raw values: `utilization` removes them unless `keep_raw` is set; give this \
                 formatter a pipeline with `decorate` only",
            );
        }
    }
}

impl<'b> Group<'_, 'b> {
    /// Calls `each` with all points of the family.
    pub fn points(&self, each: &mut dyn FnMut(&Point<'_, 'b>)) {
        for subject in &self.series.subjects {
            self.series.points(self.family, subject, each);
        }
    }
}

impl Point<'_, '_> {
    /// Calls `each` with name and value of every label except those of the pod.
    pub fn labels(&self, each: &mut dyn FnMut(&str, &str)) {
        for (name, value) in &self.subject.labels {
            each(name, value);
        }
        for (name, value) in self.labels {
            each(name, value);
        }
    }

    /// Calls `each` with name and value of every label as Prometheus has it, `name` being a buffer: invalid characters are
    /// replaced, labels of the pod have the prefix `label_`, and none is empty, which would mean the same as none.
    pub fn prometheus_labels(&self, name: &mut String, each: &mut dyn FnMut(&str, &str)) {
        let mut label = |prefix: &str, key: &str, value: &str| {
            if !value.is_empty() {
                name.clear();
                name.push_str(prefix);
                name.extend(sanitized(key).map(char::from));
                each(name, value);
            }
        };
        self.labels(&mut |key, value| label("", key, value));
        for pod_label in &self.subject.pod_labels {
            label("label_", pod_label.key, pod_label.value);
        }
    }
}

/// Returns the name of the node whose batch this is.
fn node_name<'b>(subject: &Subject<'b>, batch: &'b Batch) -> Option<&'b str> {
    if batch.scope() != "node" {
        return None;
    }
    subject.entity.attribute("node.name").or(Some(batch.scope_id()))
}

fn container_id(subject: &Subject<'_>) -> Option<String> {
    let id = subject.entity.attribute("container.id")?;
    let runtime = subject.entity.attribute("container.runtime")?;
    Some([runtime, "://", cut(id)].concat())
}

/// Returns true for a node whose raw values `utilization` has removed.
fn is_swept(subject: &Subject<'_>) -> bool {
    let entity = subject.entity;
    entity.kind() == "node"
        && entity.gauge("node_cpu_limit").is_some()
        && entity.counter("cpu.usage_ns").is_none()
}
