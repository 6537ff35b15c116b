//! Formatting of one batch to events.

use alloc::string::String;
use alloc::vec::Vec;
use core::hash::Hasher;

use insights_sdk::json::{integer_text, write_number};
use insights_sdk::{Batch, Entity, FxHasher, Limits, Name, Payloads, Unit, log};

use crate::cluster;
use crate::event::{Attribute, Fields, Form};
use crate::json::JsonTexts;
use crate::keys::{Keys, Tally, number};
use crate::layout::{Frame, Layout, Value};
use crate::options::Options;
use crate::origin::{Origin, SIDECAR_SCOPE};
use crate::route::Destination;
use crate::split;
use crate::text::{is_clean, write_clean, write_string};

/// Kind of the entities that declare units of metrics.
const DESCRIPTOR: &str = "metric";

/// Estimated bytes of an event before the first one is written.
const FIRST_ESTIMATE: usize = 2048;
/// Upper bound of the bytes reserved ahead of need.
const MAX_RESERVE: usize = 4 << 20;

/// Formats all events of a batch.
pub(crate) fn run(options: &Options, batch: &Batch, limits: &Limits) -> Payloads {
    let entities = batch.entities();
    let mut run = Run {
        options,
        batch,
        max_event_bytes: limits.max_event_bytes as usize,
        time: integer_text(batch.time_unix_ms()),
        keys: Keys::new(batch, options),
        texts: Texts::default(),
        layouts: Layouts::default(),
        payloads: Payloads::new("application/json"),
        log_group: String::new(),
        log_stream: String::new(),
        missing: [None, None],
        unrouted: Tally::default(),
    };
    for entity in &entities {
        run.read_unit(*entity);
    }
    let mut fields = Fields::default();
    let mut scratch = String::new();
    let count = entities.len();
    let may_speak = cluster::may_speak(batch.scope());
    let mut forged = 0u64;
    for (at, entity) in entities.into_iter().enumerate() {
        run.make_room(at, count - at);
        if !fields.read(entity, &mut run.keys, &mut run.texts.json, options, &mut scratch) {
            continue;
        }
        if !may_speak && fields.kind.is_some_and(|kind| cluster::speaks(batch.text(kind))) {
            forged += 1;
            continue;
        }
        run.event(&fields);
    }
    if forged > 0 {
        let text = " events dropped: their Type is reserved for batches of the scope cluster";
        log::warn(&[&integer_text(forged), text].concat());
    }
    if let Some(first) = run.unrouted.first {
        run.unrouted.warn(
            options.watched.name(first),
            " is missing: the log group or stream name is incomplete; outputs that need it do not send them",
        );
    }
    if let Some(first) = run.keys.refused.first {
        run.keys.refused.warn(
            run.keys.key(first as u32).text,
            " is not ASCII, which CloudWatch rejects: dimension sets with it are left out",
        );
    }
    run.payloads
}

/// State of one call, shared by its events.
pub(crate) struct Run<'r> {
    pub(crate) options: &'r Options,
    pub(crate) batch: &'r Batch,
    pub(crate) max_event_bytes: usize,
    /// Time of the tick, in decimal.
    time: String,
    pub(crate) keys: Keys<'r>,
    texts: Texts,
    layouts: Layouts,
    pub(crate) payloads: Payloads,
    log_group: String,
    log_stream: String,
    /// Watched attributes without a value in the names of group and stream.
    missing: [Option<usize>; 2],
    /// Events whose group or stream name is incomplete, by watched attribute.
    unrouted: Tally,
}

impl<'r> Run<'r> {
    /// Reserves room in the body for all remaining events, assuming the average size so far: a body that doubles is copied
    /// repeatedly into untouched memory.
    fn make_room(&mut self, done: usize, to_come: usize) {
        let body = &mut self.payloads.body;
        let free = body.capacity() - body.len();
        let average = body.len() / done.max(1);
        if free < average * 2 || body.capacity() == 0 {
            body.reserve((average.max(FIRST_ESTIMATE) * to_come).min(MAX_RESERVE));
        }
    }

    fn read_unit(&mut self, entity: Entity<'r>) {
        if entity.kind() != DESCRIPTOR {
            return;
        }
        let Some((_, unit)) = entity.attributes().into_iter().rfind(|(key, _)| *key == "unit") else {
            return;
        };
        match Unit::parse(unit) {
            Some(unit) => self.keys.describe(entity.id(), unit),
            None => {
                let id = entity.id();
                log::warn(
                    &["metric ", id, " is sent without a unit: unknown CloudWatch unit ", unit].concat(),
                );
            }
        }
    }

    fn event(&mut self, fields: &Fields) {
        let mut layouts = core::mem::take(&mut self.layouts);
        let layout = layouts.find(fields, || self.lay_out(fields));
        if layout.has_metrics || !self.options.drop_events_without_metrics {
            self.route(fields);
            if !self.try_write(fields, layout) {
                split::write(self, fields);
            }
        }
        self.layouts = layouts;
    }

    pub(crate) fn lay_out(&mut self, fields: &Fields) -> Layout {
        let namespace = &self.destination(fields).namespace;
        let frame = Frame { options: self.options, time: &self.time, namespace };
        Layout::new(fields, &mut self.keys, &frame)
    }

    fn destination(&self, fields: &Fields) -> &'r Destination {
        let [kubernetes, fargate, ecs, sidecar] = &self.options.destinations;
        match fields.origin {
            Origin::Kubernetes => kubernetes,
            Origin::Fargate => fargate,
            _ if self.batch.scope() == SIDECAR_SCOPE => sidecar,
            _ => ecs,
        }
    }

    /// Expands the destination of the next events.
    fn route(&mut self, fields: &Fields) {
        let destination = self.destination(fields);
        let group = destination.log_group.expand(self.batch, &fields.watched, &mut self.log_group);
        let stream = destination.log_stream.expand(self.batch, &fields.watched, &mut self.log_stream);
        self.missing = [group, stream];
        if let Some(missing) = group.or(stream) {
            self.unrouted.add(missing);
        }
    }

    /// Appends the event. Returns false, and appends nothing, if it is too large.
    pub(crate) fn try_write(&mut self, fields: &Fields, layout: &Layout) -> bool {
        let start = self.payloads.body.len();
        let (batch, keys, texts) = (self.batch, &self.keys, &mut self.texts);
        layout.render(&mut self.payloads.body, |out, value| match value {
            Value::Gauge(at) => write_number(out, fields.gauges[at].1),
            Value::Attribute(at) => texts.write(out, batch, fields.attributes[at]),
            Value::Blob => fields.blob.write(batch, keys, out),
        });
        if self.payloads.body.len() - start > self.max_event_bytes {
            self.payloads.body.truncate(start);
            return false;
        }
        let route = [("log_group", self.log_group.as_str()), ("log_stream", self.log_stream.as_str())];
        // An incomplete name is left out of the route.
        let from = usize::from(self.missing[0].is_some());
        let to = if self.missing[1].is_some() { 1 } else { 2 };
        self.payloads.commit(route.get(from..to).unwrap_or_default(), batch.time_unix_ms());
        true
    }

    /// Appends the value of an attribute.
    pub(crate) fn write_attribute(&mut self, out: &mut Vec<u8>, attribute: Attribute) {
        self.texts.write(out, self.batch, attribute);
    }
}

/// A cache of examined values: most occur in many events.
#[derive(Debug, Default)]
struct Texts {
    json: JsonTexts,
    /// State by number of a name: 0 for unknown, 1 for a clean text, 2 for one that needs escapes.
    clean: Vec<u8>,
}

impl Texts {
    fn write(&mut self, out: &mut Vec<u8>, batch: &Batch, attribute: Attribute) {
        if attribute.form == Form::Json {
            out.extend_from_slice(self.json.text(attribute.value));
            return;
        }
        let text = batch.text(attribute.value);
        if self.is_clean(attribute.value, text) {
            write_clean(out, text);
        } else {
            write_string(out, text);
        }
    }

    fn is_clean(&mut self, name: Name, text: &str) -> bool {
        let number = number(name);
        if number >= self.clean.len() {
            self.clean.resize((number + 1).next_power_of_two(), 0);
        }
        let known = &mut self.clean[number];
        if *known == 0 {
            *known = if is_clean(text) { 1 } else { 2 };
        }
        *known == 1
    }
}

/// Layouts by signature.
#[derive(Debug, Default)]
struct Layouts {
    list: Vec<(u64, Vec<u32>, Layout)>,
    signature: Vec<u32>,
}

/// Bound of cached layouts. A batch with more of them is hostile, or has a gauge named after each entity; caching does not
/// help then.
const MAX_LAYOUTS: usize = 256;

impl Layouts {
    fn find(&mut self, fields: &Fields, make: impl FnOnce() -> Layout) -> &Layout {
        fields.signature(&mut self.signature);
        let mut hasher = FxHasher::default();
        self.signature.iter().for_each(|&word| hasher.write_u32(word));
        let hash = hasher.finish();
        let known = self
            .list
            .iter()
            .rposition(|(known, signature, _)| *known == hash && *signature == self.signature);
        let at = known.unwrap_or_else(|| {
            if self.list.len() >= MAX_LAYOUTS {
                self.list.clear();
            }
            self.list.push((hash, self.signature.clone(), make()));
            self.list.len() - 1
        });
        &self.list[at].2
    }
}
