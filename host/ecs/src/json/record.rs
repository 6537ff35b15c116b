//! Objects that are read key by key, and lists of them.

use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess};

use super::any::{Any, Reader, Scalar};
use super::{Notes, Value};

/// Maximum number of bytes of a key. Longer keys are unknown ones.
const MAX_KEY_BYTES: usize = 256;

/// An object that is read key by key. Of a duplicate key the last value is used, as by Go's decoder.
pub(crate) trait Record {
    /// Reads the value of a key. A value that is not read is skipped.
    ///
    /// # Errors
    /// If the document is malformed; a value of a wrong type is not an error.
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error>;
}

/// A key of an object, in buffers that are used again for the next key.
#[derive(Debug, Default)]
pub(crate) struct Key {
    text: String,
    lower: String,
}

impl Key {
    /// Returns the key as it is in the document; empty if it is too long.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the key in lower case.
    pub(crate) fn lower(&self) -> &str {
        &self.lower
    }

    fn set(&mut self, text: &str) {
        let text = if text.len() <= MAX_KEY_BYTES { text } else { "" };
        text.clone_into(&mut self.text);
        text.clone_into(&mut self.lower);
        self.lower.make_ascii_lowercase();
    }
}

impl<'de> DeserializeSeed<'de> for &mut Key {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Any::new(KeyReader(self)))
    }
}

struct KeyReader<'k>(&'k mut Key);

impl Reader<'_> for KeyReader<'_> {
    type Output = ();

    fn text(self, text: &str) {
        self.0.set(text);
    }

    fn other(self, _: Scalar) {
        self.0.set("");
    }
}

/// A reader of an object. Returns false for a value of another type.
pub(super) struct RecordReader<'r, R> {
    pub(super) record: &'r mut R,
    pub(super) notes: &'r mut Notes,
    /// True for an element of a list, which is lost as a whole.
    pub(super) is_row: bool,
}

impl<'de, R: Record> Reader<'de> for RecordReader<'_, R> {
    type Output = bool;

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<bool, A::Error> {
        let Self { record, notes, .. } = self;
        let mut key = Key::default();
        while object.next_key_seed(&mut key)?.is_some() {
            let length = notes.path.len();
            if length > 0 {
                notes.path.push('.');
            }
            notes.path.push_str(key.text());
            let mut is_read = false;
            record.field(&key, Value { object: &mut object, notes, is_read: &mut is_read })?;
            if !is_read {
                object.next_value::<IgnoredAny>()?;
            }
            notes.path.truncate(length);
        }
        Ok(true)
    }

    fn other(self, found: Scalar) -> bool {
        let message = format_args!("expected an object, found {}", found.noun());
        match found {
            _ if self.is_row => self.notes.row(message),
            Scalar::Null => {}
            _ => self.notes.field(message),
        }
        false
    }
}

/// A reader of a list of objects. Returns false for a value of another type.
pub(super) struct ListReader<'n, R, F> {
    pub(super) max: usize,
    pub(super) add: F,
    pub(super) notes: &'n mut Notes,
    pub(super) record: PhantomData<R>,
}

impl<'de, R: Record + Default, F: FnMut(R, &mut Notes)> Reader<'de> for ListReader<'_, R, F> {
    type Output = bool;

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let Self { max, mut add, notes, .. } = self;
        let length = notes.path.len();
        for index in 0.. {
            notes.path.push_str(&format!("[{index}]"));
            let has_element = if index < max && notes.rows_left > 0 {
                notes.rows_left -= 1;
                let mut record = R::default();
                let reader = RecordReader { record: &mut record, notes, is_row: true };
                let element = list.next_element_seed(Any::new(reader))?;
                if element == Some(true) {
                    add(record, notes);
                }
                element.is_some()
            } else {
                let element = list.next_element::<IgnoredAny>()?;
                if element.is_some() {
                    notes.row(format_args!("beyond the maximum of {max} elements"));
                }
                element.is_some()
            };
            notes.path.truncate(length);
            if !has_element {
                break;
            }
        }
        Ok(true)
    }

    /// A null list is empty, as for Go's decoder.
    fn other(self, found: Scalar) -> bool {
        if found != Scalar::Null {
            self.notes.field(format_args!("expected a list, found {}", found.noun()));
        }
        found == Scalar::Null
    }
}
