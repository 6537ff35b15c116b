//! A document of the kubelet: one object with one list in it, walked element by element.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::KubeletError;
use crate::problem::shortened;

/// What is asked of the kubelet, and where its list stands.
#[derive(Clone, Copy)]
pub(crate) struct Document {
    /// In words, for messages.
    pub(crate) wanted: &'static str,
    /// Key of the list.
    pub(crate) key: &'static str,
}

impl Document {
    /// Calls `each` with every element of the list, as text: valid JSON that stands on its own, so whatever is wrong
    /// with one element's types cannot put the reading of the next one out of step. Nothing of an element is kept.
    ///
    /// # Errors
    /// When `body` is not a JSON object with a list (or null, Go's empty list) under the key, and nothing after it.
    pub(crate) fn read(
        self,
        body: &[u8],
        source: &str,
        each: &mut dyn FnMut(usize, &str),
    ) -> Result<(), KubeletError> {
        // One byte that is not UTF-8 somewhere in one pod must not cost the list: it becomes U+FFFD.
        let text = String::from_utf8_lossy(body);
        if text.trim_ascii().is_empty() {
            return Err(KubeletError::Empty { source_name: source.to_owned(), wanted: self.wanted });
        }
        let mut outside = Outside::default();
        let mut deserializer = serde_json::Deserializer::from_str(&text);
        let walk = Walk { key: self.key, outside: &mut outside, each };
        walk.deserialize(&mut deserializer)
            .and_then(|()| deserializer.end())
            .map_err(|error| self.syntax(&error, source, &text))?;
        if outside.list {
            return Ok(());
        }
        Err(KubeletError::NoList {
            source_name: source.to_owned(),
            wanted: self.wanted,
            key: self.key,
            found: outside.kind.map_or_else(
                || "an object without `kind`".into(),
                |kind| format!("kind `{}`", shortened(kind)),
            ),
            message: outside.message.map(shortened),
        })
    }

    fn syntax(self, error: &serde_json::Error, source: &str, text: &str) -> KubeletError {
        let mut message = error.to_string();
        if let Some(at) = message.rfind(" at line ") {
            message.truncate(at);
        }
        KubeletError::Syntax {
            source_name: source.to_owned(),
            line: error.line(),
            column: error.column(),
            message: shortened(message),
            wanted: self.wanted,
            begins: shortened(text.trim_ascii_start().chars().take(60).collect()),
        }
    }
}

/// What stands beside the list.
#[derive(Default)]
struct Outside {
    list: bool,
    kind: Option<String>,
    message: Option<String>,
}

struct Walk<'w> {
    key: &'static str,
    outside: &'w mut Outside,
    each: &'w mut dyn FnMut(usize, &str),
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { key: wanted, outside, each } = self;
        while let Some(key) = map.next_key::<crate::text::Text<'de>>()? {
            match key.as_str() {
                key if key == wanted => {
                    // Two lists in one document would give every pod twice, or two halves: nobody writes that.
                    if std::mem::replace(&mut outside.list, true) {
                        return Err(A::Error::duplicate_field(wanted));
                    }
                    map.next_value_seed(List(&mut *each))?;
                }
                "kind" => outside.kind = word(map.next_value()?),
                "message" => outside.message = word(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The string that `raw` is, if it is one.
fn word(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

struct List<'w>(&'w mut dyn FnMut(usize, &str));

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    /// A nil slice: a kubelet without pods answers so.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(raw) = seq.next_element::<&'de RawValue>()? {
            (self.0)(index, raw.get());
            index += 1;
        }
        Ok(())
    }
}
