//! The configuration of a component, read key by key.

mod error;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::json::{self, Value};

pub use error::ConfigError;

/// An object of the configuration. Each method reads one key: it returns `None` if the key is not set or `null`. If the
/// value has another type, it records a problem and returns `None`. After `configure`, all problems and all keys that
/// were not read are reported together, each with its path.
#[derive(Debug)]
pub struct Settings {
    /// Path of this object with a trailing dot; empty for the outermost one.
    prefix: String,
    fields: Vec<Field>,
    /// Keys that were read, listed in the message about an unknown key.
    known: Vec<String>,
    problems: Vec<String>,
}

#[derive(Debug)]
struct Field {
    key: String,
    value: Value,
    is_read: bool,
}

impl Settings {
    /// Parses the text of a configuration; blank text is an empty object.
    ///
    /// # Errors
    /// Text that is not a JSON object.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let text = if text.bytes().all(|byte| byte.is_ascii_whitespace()) { "{}" } else { text };
        match json::parse(text) {
            Ok(Value::Object(fields)) => Ok(Self::new(String::new(), fields)),
            Ok(other) => Err(ConfigError::new(["expected an object, found ", other.kind()].concat())),
            Err(error) => Err(ConfigError::new(error.text())),
        }
    }

    fn new(prefix: String, fields: Vec<(String, Value)>) -> Self {
        let fields = fields.into_iter().map(|(key, value)| Field { key, value, is_read: false }).collect();
        Self { prefix, fields, known: Vec::new(), problems: Vec::new() }
    }

    /// Reads a string.
    pub fn string(&mut self, key: &str) -> Option<String> {
        self.typed(key, "a string", |value| value.as_str().map(String::from))
    }

    /// Reads a boolean.
    pub fn flag(&mut self, key: &str) -> Option<bool> {
        self.typed(key, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// Reads any number.
    pub fn number(&mut self, key: &str) -> Option<f64> {
        self.typed(key, "a number", Value::as_f64)
    }

    /// Reads a non-negative whole number.
    pub fn integer(&mut self, key: &str) -> Option<u64> {
        self.typed(key, "a whole number of at least 0", Value::as_u64)
    }

    /// Reads a list of strings.
    pub fn strings(&mut self, key: &str) -> Option<Vec<String>> {
        self.typed(key, "a list of strings", strings)
    }

    /// Reads a list of lists of strings.
    pub fn string_lists(&mut self, key: &str) -> Option<Vec<Vec<String>>> {
        self.typed(key, "a list of lists of strings", |value| match value {
            Value::Array(lists) => lists.iter().map(strings).collect(),
            _ => None,
        })
    }

    /// Reads an object whose values are strings, in the order in which it is written.
    pub fn string_map(&mut self, key: &str) -> Option<Vec<(String, String)>> {
        self.typed(key, "an object of strings", |value| match value {
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| Some((key.clone(), value.as_str()?.to_string()))).collect()
            }
            _ => None,
        })
    }

    /// Reads a value of any type.
    pub fn value(&mut self, key: &str) -> Option<Value> {
        self.field(key).map(|field| field.value.clone())
    }

    /// Reads a list of objects: calls `read` with each of them and its position, from 0. The list can be read only once: a
    /// second call for the same key finds nothing.
    pub fn objects(&mut self, key: &str, mut read: impl FnMut(&mut Settings, usize)) {
        match self.take(key) {
            None => {}
            Some(Value::Array(items)) => {
                for (at, item) in items.into_iter().enumerate() {
                    let path = element(key, at);
                    match item {
                        Value::Object(fields) => self.inner(&path, fields, |inner| read(inner, at)),
                        other => self.mismatch(&path, "an object", other.kind()),
                    }
                }
            }
            Some(other) => self.mismatch(key, "a list of objects", other.kind()),
        }
    }

    /// Reads an object: calls `read` with it. The object can be read only once: a second call for the same key finds nothing.
    pub fn object(&mut self, key: &str, read: impl FnOnce(&mut Settings)) {
        match self.take(key) {
            None => {}
            Some(Value::Object(fields)) => self.inner(key, fields, read),
            Some(other) => self.mismatch(key, "an object", other.kind()),
        }
    }

    /// Records that the value of `key` is unusable, with the reason.
    #[cold]
    pub fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.record(key, &message.into());
    }

    /// Finishes reading.
    ///
    /// # Errors
    /// All recorded problems, and the keys that were not read.
    pub fn finish(mut self) -> Result<(), ConfigError> {
        self.report_unknown();
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError::from_problems(self.problems)) }
    }

    fn typed<T>(
        &mut self,
        key: &str,
        expected: &str,
        convert: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = &self.field(key)?.value;
        let converted = convert(value);
        if converted.is_none() {
            let found = found(value, expected);
            self.mismatch(key, expected, found);
        }
        converted
    }

    /// Returns the field of a key that is set, and marks the key as read.
    #[cold]
    fn field(&mut self, key: &str) -> Option<&mut Field> {
        if !self.known.iter().any(|known| known == key) {
            self.known.push(String::from(key));
        }
        let field = self.fields.iter_mut().find(|field| field.key == key)?;
        field.is_read = true;
        (!matches!(field.value, Value::Null)).then_some(field)
    }

    /// Takes the value of a key out of its field: objects can be read only once.
    fn take(&mut self, key: &str) -> Option<Value> {
        self.field(key).map(|field| core::mem::replace(&mut field.value, Value::Null))
    }

    #[cold]
    fn inner(&mut self, path: &str, fields: Vec<(String, Value)>, read: impl FnOnce(&mut Settings)) {
        let mut inner = Self::new([&self.prefix, path, "."].concat(), fields);
        read(&mut inner);
        inner.report_unknown();
        self.problems.append(&mut inner.problems);
    }

    #[cold]
    fn mismatch(&mut self, key: &str, expected: &str, found: &str) {
        self.record(key, &["expected ", expected, ", found ", found].concat());
    }

    #[cold]
    fn report_unknown(&mut self) {
        let unknown: Vec<_> =
            self.fields.iter().filter(|field| !field.is_read).map(|field| field.key.clone()).collect();
        for key in unknown {
            let message = match self.known.is_empty() {
                true => String::from("unknown key; this object has no keys"),
                false => self.known.iter().enumerate().fold(
                    String::from("unknown key; known here: "),
                    |mut message, (at, known)| {
                        message.push_str(if at > 0 { ", " } else { "" });
                        message.push_str(known);
                        message
                    },
                ),
            };
            self.record(&key, &message);
        }
    }

    #[cold]
    fn record(&mut self, key: &str, message: &str) {
        self.problems.push([&self.prefix, key, ": ", message].concat());
    }
}

/// Returns the path of a list element.
pub(crate) fn element(key: &str, at: usize) -> String {
    [key, "[", &json::integer_text(at as u64), "]"].concat()
}

fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().map(String::from)).collect(),
        _ => None,
    }
}

/// Returns the type of a value for a message about a mismatch with `expected`.
fn found(value: &Value, expected: &str) -> &'static str {
    match (value, expected) {
        (Value::Array(_), "a list of strings" | "a list of lists of strings") => "a list of other values",
        (Value::Object(_), "an object of strings") => "an object of other values",
        (Value::Integer(_) | Value::Number(_), "a whole number of at least 0") => "another number",
        (value, _) => value.kind(),
    }
}
