//! A batch after the last transform, reduced to what `insightctl top` shows.

use std::sync::Arc;

use insightd::visible;
use insights_batch::{Batch, Columns, Entity};

use super::figures::{FigureId, Figures};
use super::stage::StageRow;
use super::view::View;

/// Maximum number of rows of a frame; those beyond are counted.
const MAX_ROWS: usize = 10_000;
/// Maximum depth of an entity. Deeper parents are not part of its identity.
const MAX_DEPTH: usize = 8;

/// The published values of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    pub(crate) pipeline: String,
    pub(crate) scope: String,
    pub(crate) scope_id: String,
    pub(crate) time_unix_ms: u64,
    pub(crate) interval_ms: u64,
    /// In the order of their keys.
    pub(crate) rows: Vec<Row>,
    /// Number of rows beyond the limit.
    pub(crate) left_out: usize,
    /// The stages after the batch; only of a recording.
    pub(crate) stages: Option<Arc<[StageRow]>>,
    /// Error text if the batch did not pass all transforms.
    pub(crate) problem: Option<String>,
}

/// A node, pod or container.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) view: View,
    pub(crate) kind: String,
    /// Kinds and ids of the entity and its parents.
    pub(crate) key: String,
    /// The name, with hidden characters escaped.
    pub(crate) name: String,
    /// In the order of the ids.
    values: Vec<(FigureId, f64)>,
}

impl Row {
    /// Returns a value.
    pub(crate) fn value(&self, id: FigureId) -> Option<f64> {
        let index = self.values.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.values.get(index).map(|(_, value)| *value)
    }

    /// Returns the ids of its values.
    pub(crate) fn figures(&self) -> impl Iterator<Item = FigureId> {
        self.values.iter().map(|(id, _)| *id)
    }
}

impl Frame {
    /// Reads a batch. Entities without a published value are left out; raw metrics, whose names have a dot, are not published.
    pub(crate) fn new(pipeline: &str, batch: Columns, figures: &mut Figures) -> Self {
        let batch = Batch::from_columns(batch);
        let mut frame = Self {
            pipeline: pipeline.to_owned(),
            scope: batch.scope().to_owned(),
            scope_id: batch.scope_id().to_owned(),
            time_unix_ms: batch.time_unix_ms(),
            interval_ms: batch.interval_ms(),
            ..Self::default()
        };
        for view in View::ALL {
            for kind in view.kinds() {
                for entity in batch.of_kind(kind) {
                    frame.add(&batch, view, entity, figures);
                }
            }
        }
        frame.rows.sort_by(|a, b| a.key.cmp(&b.key));
        frame
    }

    /// Creates the frame of a batch that did not pass all transforms.
    pub(crate) fn failed(pipeline: &str, batch: &Columns, problem: String) -> Self {
        Self {
            pipeline: pipeline.to_owned(),
            scope: batch.scope.clone(),
            scope_id: batch.scope_id.clone(),
            time_unix_ms: batch.time_unix_ms,
            interval_ms: batch.interval_ms,
            problem: Some(problem),
            ..Self::default()
        }
    }

    fn add(&mut self, batch: &Batch, view: View, entity: Entity<'_>, figures: &mut Figures) {
        let published = entity.gauges().into_iter().filter(|(name, _)| !name.contains('.'));
        let mut values: Vec<(FigureId, f64)> =
            published.filter_map(|(name, value)| Some((figures.intern(batch, name)?, value))).collect();
        if values.is_empty() {
            return;
        }
        if self.rows.len() == MAX_ROWS {
            self.left_out += 1;
            return;
        }
        values.sort_by_key(|(id, _)| *id);
        let (kind, key, name) = (entity.kind().to_owned(), key(entity), name(entity));
        self.rows.push(Row { view, kind, key, name: visible::line(&name).into_owned(), values });
    }

    /// Returns the row with a key.
    pub(crate) fn row(&self, key: &str) -> Option<&Row> {
        let index = self.rows.binary_search_by(|row| row.key.as_str().cmp(key)).ok()?;
        self.rows.get(index)
    }

    /// Returns the number of values.
    pub(crate) fn size(&self) -> usize {
        self.rows.iter().map(|row| row.values.len() + 1).sum()
    }
}

fn key(entity: Entity<'_>) -> String {
    let parents = std::iter::successors(Some(entity), |entity| entity.parent()).take(MAX_DEPTH);
    let mut parts: Vec<String> =
        parts_of(parents).map(|(kind, id)| format!("{kind}\u{0}{id}\u{0}")).collect();
    parts.reverse();
    parts.concat()
}

fn parts_of<'a>(entities: impl Iterator<Item = Entity<'a>>) -> impl Iterator<Item = (&'a str, &'a str)> {
    entities.map(|entity| (entity.kind(), entity.id()))
}

/// Returns the name: that of the pod or task before that of the container.
fn name(entity: Entity<'_>) -> String {
    let own = |key: &str| entity.attribute(key).filter(|name| !name.is_empty());
    match entity.kind() {
        "pod" => match (own("pod.namespace"), own("pod.name")) {
            (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
            (None, Some(name)) => name.to_owned(),
            _ => entity.id().to_owned(),
        },
        "task" => match own("task.family") {
            Some(family) => format!("{family}/{}", entity.id()),
            None => entity.id().to_owned(),
        },
        "container" => {
            let own = own("container.name").unwrap_or(entity.id());
            match entity.parent().filter(|parent| matches!(parent.kind(), "pod" | "task")) {
                Some(parent) => format!("{}/{own}", name(parent)),
                None => own.to_owned(),
            }
        }
        _ => own("node.name").unwrap_or(entity.id()).to_owned(),
    }
}
