//! Parser for the readable form of batches.

use std::collections::HashMap;
use std::fmt;

use crate::builder::{Builder, EntityId};
use crate::columns::Columns;
use crate::json::{self, Value};

/// An error in the readable form of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadableError {
    /// The text is not JSON.
    Json(json::Error),
    /// A value or key does not have the expected form.
    Value {
        /// Path, such as `entities[0].gauges["cpu.shares"]`; empty for the whole text.
        path: String,
        /// Error text: what was expected and what was found.
        reason: String,
    },
}

impl fmt::Display for ReadableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::Value { path, reason } if path.is_empty() => f.write_str(reason),
            Self::Value { path, reason } => write!(f, "{path}: {reason}"),
        }
    }
}

impl std::error::Error for ReadableError {}

type Read<T> = Result<T, ReadableError>;

pub(super) fn read(text: &str) -> Read<Columns> {
    let value = json::parse(text).map_err(ReadableError::Json)?;
    let mut fields = Fields::new("", value)?;
    let scope = fields.required("scope", text_value)?;
    let id = fields.required("id", text_value)?;
    let time_unix_ms = fields.required("time_unix_ms", whole)?;
    let interval_ms = fields.optional("interval_ms", whole)?.unwrap_or(60_000);
    let entities = fields.optional("entities", list)?.unwrap_or_default();
    fields.finish()?;

    let mut reader =
        Reader { builder: Builder::new(&scope, &id, time_unix_ms, interval_ms), ..Reader::default() };
    for (at, entity) in entities.into_iter().enumerate() {
        reader.entity(&format!("entities[{at}]"), entity, None)?;
    }
    reader.resolve_links()?;
    Ok(reader.builder.finish())
}

#[derive(Default)]
struct Reader {
    builder: Builder,
    /// Entities of each kind and id, in text order.
    known: HashMap<(String, String), Vec<EntityId>>,
    links: Vec<Link>,
}

struct Link {
    path: String,
    source: EntityId,
    role: String,
    kind: String,
    id: String,
    nth: u64,
}

impl Reader {
    /// Reads an entity and its children. The recursion is bounded by the nesting limit of the JSON reader.
    fn entity(&mut self, path: &str, value: Value, parent: Option<EntityId>) -> Read<()> {
        let mut fields = Fields::new(path, value)?;
        let kind = fields.required("kind", text_value)?;
        let id = fields.required("id", text_value)?;
        let entity = self.builder.entity(&kind, &id, parent);
        self.known.entry((kind, id)).or_default().push(entity);

        for (key, value) in fields.optional("attributes", object)?.unwrap_or_default() {
            let value = text_value(&member(path, "attributes", &key), value)?;
            self.builder.attribute(entity, &key, &value);
        }
        for (name, value) in fields.optional("gauges", object)?.unwrap_or_default() {
            let path = member(path, "gauges", &name);
            let Some(value) = value.as_f64() else { return Err(mismatch(&path, "a number", &value)) };
            self.builder.gauge(entity, &name, value);
        }
        for (name, value) in fields.optional("counters", object)?.unwrap_or_default() {
            let (current, previous) = readings(&member(path, "counters", &name), value)?;
            self.builder.counter(entity, &name, current, previous);
        }
        for (at, link) in fields.optional("links", list)?.unwrap_or_default().into_iter().enumerate() {
            let link = self.link(format!("{path}.links[{at}]"), link, entity)?;
            self.links.push(link);
        }
        let children = fields.optional("children", list)?.unwrap_or_default();
        fields.finish()?;
        for (at, child) in children.into_iter().enumerate() {
            self.entity(&format!("{path}.children[{at}]"), child, Some(entity))?;
        }
        Ok(())
    }

    fn link(&self, path: String, value: Value, source: EntityId) -> Read<Link> {
        let mut fields = Fields::new(&path, value)?;
        let role = fields.required("role", text_value)?;
        let kind = fields.required("kind", text_value)?;
        let id = fields.required("id", text_value)?;
        let nth = fields.optional("nth", whole)?.unwrap_or(1);
        fields.finish()?;
        Ok(Link { path, source, role, kind, id, nth })
    }

    fn resolve_links(&mut self) -> Read<()> {
        for link in std::mem::take(&mut self.links) {
            let Link { path, source, role, kind, id, nth } = link;
            let position = usize::try_from(nth).unwrap_or(usize::MAX).wrapping_sub(1);
            let named = self.known.get(&(kind.clone(), id.clone()));
            let Some(&target) = named.and_then(|entities| entities.get(position)) else {
                let count = named.map_or(0, Vec::len);
                let reason = format!(
                    "the target is entity {nth} of kind {kind:?} and id {id:?}, but the batch has {count}"
                );
                return Err(ReadableError::Value { path, reason });
            };
            self.builder.link(source, target, &role);
        }
        Ok(())
    }
}

/// An object whose keys are taken one by one.
struct Fields<'p> {
    path: &'p str,
    fields: Vec<(String, Value)>,
    known: Vec<&'static str>,
}

impl<'p> Fields<'p> {
    fn new(path: &'p str, value: Value) -> Read<Self> {
        Ok(Self { path, fields: object(path, value)?, known: Vec::new() })
    }

    fn required<T>(&mut self, key: &'static str, convert: impl Fn(&str, Value) -> Read<T>) -> Read<T> {
        match self.optional(key, convert)? {
            Some(value) => Ok(value),
            None => {
                Err(ReadableError::Value { path: self.path.into(), reason: format!("missing key `{key}`") })
            }
        }
    }

    fn optional<T>(
        &mut self,
        key: &'static str,
        convert: impl Fn(&str, Value) -> Read<T>,
    ) -> Read<Option<T>> {
        self.known.push(key);
        let Some(at) = self.fields.iter().position(|(name, _)| name == key) else { return Ok(None) };
        let value = self.fields.swap_remove(at).1;
        convert(&field(self.path, key), value).map(Some)
    }

    fn finish(self) -> Read<()> {
        match self.fields.first() {
            None => Ok(()),
            Some((key, _)) => {
                let reason = format!("unknown key; known here: {}", self.known.join(", "));
                Err(ReadableError::Value { path: field(self.path, key), reason })
            }
        }
    }
}

fn readings(path: &str, value: Value) -> Read<(u64, Option<(u64, u64)>)> {
    let items = list(path, value)?;
    let numbers: Option<Vec<u64>> = items.iter().map(Value::as_u64).collect();
    match numbers.as_deref() {
        Some(&[current]) => Ok((current, None)),
        Some(&[_, _, 0]) => {
            let reason = "elapsed_ns is 0; without a previous reading write [current]".into();
            Err(ReadableError::Value { path: path.into(), reason })
        }
        Some(&[current, previous, elapsed_ns]) => Ok((current, Some((previous, elapsed_ns)))),
        _ => {
            let reason =
                "expected [current] or [current, previous, elapsed_ns], whole numbers of at least 0".into();
            Err(ReadableError::Value { path: path.into(), reason })
        }
    }
}

fn text_value(path: &str, value: Value) -> Read<String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(mismatch(path, "a string", &other)),
    }
}

fn whole(path: &str, value: Value) -> Read<u64> {
    value.as_u64().ok_or_else(|| mismatch(path, "a whole number of at least 0", &value))
}

fn list(path: &str, value: Value) -> Read<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(mismatch(path, "a list", &other)),
    }
}

fn object(path: &str, value: Value) -> Read<Vec<(String, Value)>> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(mismatch(path, "an object", &other)),
    }
}

fn mismatch(path: &str, expected: &str, found: &Value) -> ReadableError {
    ReadableError::Value { path: path.into(), reason: format!("expected {expected}, found {}", found.kind()) }
}

fn field(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

fn member(path: &str, group: &str, name: &str) -> String {
    format!("{path}.{group}[{name:?}]")
}
