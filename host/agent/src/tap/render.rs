//! Filters copies, and writes them as JSON lines.

use std::fmt::Write;

use insights_batch::{Batch, Columns, Entity};
use serde_json::{Value, json};

use super::listener::{Item, Line, OwnedLocation};
use super::query::Query;
use crate::recording::Redactor;
use crate::visible::{self, Style};

/// Keys of an event by which it is filtered.
const TYPE: &str = "Type";
const NAMESPACE: &str = "Namespace";
const POD: &str = "PodName";

/// Writes the lines of one listener.
pub(super) struct Renderer<'a> {
    query: &'a Query,
    redactor: Redactor,
    /// Number of ticks that have ended.
    ticks: u64,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(query: &'a Query) -> Self {
        Self { query, redactor: Redactor::default(), ticks: 0 }
    }

    /// Passes the lines of an item to `write` until that returns false. Returns false if no more lines are wanted.
    pub(super) fn render(&mut self, item: &Item, write: &mut dyn FnMut(String, Line) -> bool) -> bool {
        let is_turn = self.ticks.is_multiple_of(self.query.every);
        match item {
            Item::Tick { time_unix_ms } => {
                self.ticks += 1;
                let wants_more = self.query.ticks.is_none_or(|ticks| self.ticks < ticks);
                write(format!(r#"{{"tap":"tick","time_unix_ms":{time_unix_ms}}}"#), Line::Tick) && wants_more
            }
            _ if !is_turn => true,
            Item::Batch { location, batch } => {
                // Large batches are copied only where something changes.
                let filtered = self.changes_batches().then(|| self.filtered((**batch).clone()));
                let batch = filtered.as_ref().unwrap_or(batch);
                let when = if location.is_after { "after" } else { "before" };
                let mut line = head("batch", batch.time_unix_ms, location);
                let _ = write!(line, r#","when":"{when}","batch":{}}}"#, batch.to_json_line());
                write(escaped(line), Line::Batch)
            }
            Item::Events { location, content_type, events } => {
                let is_json =
                    content_type.split(';').next().is_some_and(|name| name.trim() == "application/json");
                events.iter().all(|(time_unix_ms, bytes)| {
                    let Some(event) = self.event(bytes, is_json) else { return true };
                    let mut line = head("event", *time_unix_ms, location);
                    let (sink, content_type) = (json!(location.sink), json!(content_type));
                    let _ = write!(line, r#","sink":{sink},"content_type":{content_type},"event":{event}}}"#);
                    write(escaped(line), Line::Event)
                })
            }
        }
    }

    /// Returns the event as JSON if it is wanted: JSON as it is, other text as a string, and null for bytes that are not text.
    fn event(&self, bytes: &[u8], is_json: bool) -> Option<String> {
        let Query { kind, namespace, pod, metric, .. } = self.query;
        let is_filtered = kind.is_some() || namespace.is_some() || pod.is_some() || metric.is_some();
        let text = std::str::from_utf8(bytes).ok();
        let object = if is_json && (is_filtered || text.is_some()) {
            serde_json::from_slice::<Value>(bytes).ok()
        } else {
            None
        };
        if is_filtered {
            let object = object.as_ref()?;
            let is = |key: &str, wanted: &Option<String>| {
                wanted.as_deref().is_none_or(|wanted| {
                    object[key].as_str().is_some_and(|found| found.eq_ignore_ascii_case(wanted))
                })
            };
            let has_metric = metric.as_deref().is_none_or(|metric| object.get(metric).is_some());
            if !(is(TYPE, kind) && is(NAMESPACE, namespace) && is(POD, pod) && has_metric) {
                return None;
            }
        }
        Some(match (object, text) {
            // An event may be indented, and a line feed would end the line.
            (Some(object), Some(text)) if text.contains('\n') => object.to_string(),
            (Some(_), Some(text)) => text.to_owned(),
            (_, text) => json!(text).to_string(),
        })
    }

    fn changes_batches(&self) -> bool {
        let Query { kind, namespace, pod, metric, redact, .. } = self.query;
        *redact || kind.is_some() || namespace.is_some() || pod.is_some() || metric.is_some()
    }

    fn filtered(&mut self, columns: Columns) -> Columns {
        let columns = if self.query.redact { self.redactor.redact(columns) } else { columns };
        let metric = &self.query.metric;
        let batch = Batch::from_columns(columns);
        for root in batch.entities().into_iter().filter(|entity| entity.parent().is_none()) {
            self.prune(root, None, None);
        }
        if let Some(metric) = metric {
            batch.retain_points(|name| name == metric);
        }
        batch.into_columns()
    }

    /// Removes the entity unless it, or a descendant, is wanted. Returns true if it stays. Namespace and pod are those of the closest
    /// ancestor that has them.
    fn prune<'b>(&self, entity: Entity<'b>, namespace: Option<&'b str>, pod: Option<&'b str>) -> bool {
        let namespace =
            entity.attribute(NAMESPACE).or_else(|| entity.attribute("pod.namespace")).or(namespace);
        let full_name = entity.attribute("pod.name");
        let pod = full_name.or_else(|| entity.attribute(POD)).or(pod);
        // All descendants first: each is pruned, also if one of them keeps this entity already.
        let mut stays = false;
        for child in entity.children() {
            stays |= self.prune(child, namespace, pod);
        }
        let is = |found: Option<&str>, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let is_kind = self.query.kind.as_deref().is_none_or(|wanted| {
            entity.kind().eq_ignore_ascii_case(wanted)
                || entity.attribute(TYPE).is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
        });
        stays |= is_kind && is(namespace, &self.query.namespace) && is(pod, &self.query.pod);
        if !stays {
            entity.remove();
        }
        stays
    }
}

fn head(tap: &str, time_unix_ms: u64, location: &OwnedLocation) -> String {
    let OwnedLocation { pipeline, slot, component, .. } = location;
    let (pipeline, component) = (json!(pipeline), json!(component));
    format!(
        r#"{{"tap":"{tap}","time_unix_ms":{time_unix_ms},"pipeline":{pipeline},"slot":"{slot}","component":{component}"#
    )
}

fn escaped(line: String) -> String {
    match visible::lines(&line, Style::Json) {
        std::borrow::Cow::Borrowed(_) => line,
        std::borrow::Cow::Owned(line) => line,
    }
}
