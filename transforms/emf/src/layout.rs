//! Order of an event's members, with all text between their values.
//!
//! It depends on the names that an entity has, not on their values, and most entities of one type have the same names:
//! sorting, grouping and escaping are done once for all of them.

use alloc::vec::Vec;

use insights_sdk::log;

use crate::directive::{self, Request};
use crate::event::{Fields, Form};
use crate::keys::{BLOB, Keys, RESERVED};
use crate::options::{Options, Version};
use crate::order::{order, sorted};
use crate::text::write_string;

/// Precomputed text and value positions for events of one signature.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    text: Vec<u8>,
    pieces: Vec<Piece>,
    /// `true` if the event has a directive.
    pub(crate) has_metrics: bool,
}

/// Text up to `text_end`, followed by a value.
#[derive(Clone, Copy, Debug)]
struct Piece {
    text_end: usize,
    value: Value,
}

/// Reference to a value of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Position of an attribute.
    Attribute(usize),
    /// Position of a gauge.
    Gauge(usize),
    Blob,
}

/// A member of the event: its name and content.
struct Member<'m> {
    /// `true` for metrics of the directives, which come after all other members.
    run: bool,
    name: &'m str,
    content: Content<'m>,
}

enum Content<'m> {
    Value(Value),
    Text(&'m [u8]),
}

/// Values shared by all events of a call.
pub(crate) struct Frame<'f> {
    pub(crate) options: &'f Options,
    /// Time of the tick, in decimal.
    pub(crate) time: &'f str,
    pub(crate) namespace: &'f str,
}

impl Layout {
    /// Builds the layout of the event in `fields`.
    pub(crate) fn new(fields: &Fields, keys: &mut Keys<'_>, frame: &Frame<'_>) -> Self {
        let options = frame.options;
        let (attributes, dimensions) = attributes(fields, keys);
        let gauges = gauges(fields, keys, &attributes);

        let mut directives = Vec::new();
        let mut measured = Vec::new();
        if !options.disable_metric_extraction {
            let gauge_keys: Vec<u32> = gauges.iter().map(|&at| fields.gauges[at].0).collect();
            let names: Vec<&str> = dimensions.iter().map(|&key| keys.key(key).text).collect();
            let request = Request {
                namespace: frame.namespace,
                dimensions: &names,
                excluded: &fields.excluded,
                origin: fields.origin,
                gauges: &gauge_keys,
            };
            measured = directive::write(&request, keys, options, &mut directives);
        }
        let measured = sorted(measured, &Ord::cmp);

        let mut time = Vec::new();
        write_string(&mut time, frame.time);
        let mut members = Vec::new();
        let text = |name, text| Member { run: false, name, content: Content::Text(text) };
        let value = |run, name, value| Member { run, name, content: Content::Value(value) };
        members.push(text("Timestamp", time.as_slice()));
        // As in the Container Insights agents, an event without directives has version 0, whatever the configured version.
        if options.version == Version::Classic || measured.is_empty() {
            members.push(text("Version", b"\"0\""));
            if !measured.is_empty() {
                members.push(text("CloudWatchMetrics", directives.as_slice()));
            }
        }
        for &at in &attributes {
            members.push(value(false, keys.key(fields.attributes[at].key).text, Value::Attribute(at)));
        }
        if fields.has_blob && !attributes.iter().any(|&at| keys.key(fields.attributes[at].key).text == BLOB) {
            members.push(value(false, BLOB, Value::Blob));
        }
        for &at in &gauges {
            let key = fields.gauges[at].0;
            let run = measured.binary_search(&key).is_ok();
            members.push(value(run, keys.key(key).text, Value::Gauge(at)));
        }
        let order = order(members.len(), &|left, right| {
            let place = |at: usize| (members[at].run, members[at].name);
            place(left).cmp(&place(right))
        });

        let mut layout = Self { has_metrics: !measured.is_empty(), ..Self::default() };
        layout.text.push(b'{');
        if options.version == Version::Aws && layout.has_metrics {
            layout.text.extend_from_slice(b"\"Version\":\"1\",\"_aws\":{\"Timestamp\":");
            layout.text.extend_from_slice(frame.time.as_bytes());
            layout.text.extend_from_slice(b",\"CloudWatchMetrics\":");
            layout.text.extend_from_slice(&directives);
            layout.text.push(b'}');
        }
        order.iter().for_each(|&at| layout.add(&members[at]));
        layout.text.push(b'}');
        layout
    }

    fn add(&mut self, member: &Member<'_>) {
        if self.text.len() > 1 {
            self.text.push(b',');
        }
        write_string(&mut self.text, member.name);
        self.text.push(b':');
        match member.content {
            Content::Text(text) => self.text.extend_from_slice(text),
            Content::Value(value) => self.pieces.push(Piece { text_end: self.text.len(), value }),
        }
    }

    /// Appends the event to `out`; calls `write` for each value.
    pub(crate) fn render(&self, out: &mut Vec<u8>, mut write: impl FnMut(&mut Vec<u8>, Value)) {
        let mut start = 0;
        for piece in &self.pieces {
            out.extend_from_slice(&self.text[start..piece.text_end]);
            write(out, piece.value);
            start = piece.text_end;
        }
        out.extend_from_slice(&self.text[start..]);
    }
}

/// Returns the positions of the attributes to write, each name once, and the keys of possible dimensions; both in the order
/// of names.
fn attributes(fields: &Fields, keys: &Keys<'_>) -> (Vec<usize>, Vec<u32>) {
    let all = &fields.attributes;
    // The last of several values of one key is used.
    let name = |at: usize| keys.key(all[at].key).text;
    let shown = sorted((0..all.len()).collect(), &|&left, &right| name(left).cmp(name(right)));
    let dimensions = shown.iter().copied().filter(|&at| all[at].form == Form::Dimension);
    let dimensions = dimensions.map(|at| all[at].key).collect();
    (shown, dimensions)
}

/// Returns the positions of the gauges to write, by name. An attribute takes precedence over a gauge of the same name,
/// because dimensions and searches need it.
fn gauges(fields: &Fields, keys: &Keys<'_>, attributes: &[usize]) -> Vec<usize> {
    let all = &fields.gauges;
    let name = |at: usize| keys.key(all[at].0).text;
    let mut shown = sorted((0..all.len()).collect(), &|&left, &right| name(left).cmp(name(right)));
    shown.retain(|&at| {
        let key = all[at].0;
        let name = keys.key(key).text;
        let taken = RESERVED.contains(&name)
            || name == BLOB && fields.has_blob
            || attributes.iter().any(|&attribute| fields.attributes[attribute].key == key);
        if taken {
            log::warn(&["metric ", name, " dropped: the event has another member with this name"].concat());
        }
        !taken
    });
    shown
}
