//! Values of a record.

use std::fmt;
use std::marker::PhantomData;

use serde::de::MapAccess;

use super::any::{Any, Reader, Scalar};
use super::record::{ListReader, RecordReader};
use super::{Notes, Record};

/// Smallest number that a `u64` cannot hold.
const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;

/// A value that was not read yet.
pub(crate) struct Value<'v, A> {
    pub(super) object: &'v mut A,
    pub(super) notes: &'v mut Notes,
    pub(super) is_read: &'v mut bool,
}

impl<'v, 'de, A: MapAccess<'de>> Value<'v, A> {
    /// Reads a string of at most `max_bytes`. Empty strings are absent: Go's encoder writes them for unset fields.
    pub(crate) fn text(self, max_bytes: usize) -> Result<Option<Box<str>>, A::Error> {
        let (found, notes) = self.scalar(max_bytes)?;
        Ok(text(found, max_bytes, notes))
    }

    /// Reads a string of at most `max_bytes`, and parses it; `noun` names the expected content.
    pub(crate) fn parsed<T>(
        self,
        max_bytes: usize,
        noun: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, A::Error> {
        let (found, notes) = self.scalar(max_bytes)?;
        let Some(text) = text(found, max_bytes, notes) else { return Ok(None) };
        let parsed = parse(&text);
        if parsed.is_none() {
            notes.field(format_args!("`{text}` is not {noun}"));
        }
        Ok(parsed)
    }

    /// Reads a number.
    pub(crate) fn number(self) -> Result<Option<f64>, A::Error> {
        let (found, notes) = self.scalar(0)?;
        Ok(match found {
            Scalar::Count(count) => Some(count as f64),
            Scalar::Number(number) => Some(number),
            Scalar::Null => None,
            other => mismatch(notes, "a number", &other),
        })
    }

    /// Reads a whole number of at least 0.
    pub(crate) fn count(self) -> Result<Option<u64>, A::Error> {
        let (found, notes) = self.scalar(0)?;
        Ok(match found {
            Scalar::Count(count) => Some(count),
            // Some encoders write large counts as 1.5e9.
            Scalar::Number(number) if number >= 0.0 && number.fract() == 0.0 && number < TWO_POW_64 => {
                Some(number as u64)
            }
            Scalar::Number(number) => {
                notes.field(format_args!("expected a count, found {number}"));
                None
            }
            Scalar::Null => None,
            other => mismatch(notes, "a count", &other),
        })
    }

    /// Reads an object. Returns false if it is null or has another type.
    pub(crate) fn record<R: Record>(self, record: &mut R) -> Result<bool, A::Error> {
        let Self { object, notes, is_read } = self;
        *is_read = true;
        object.next_value_seed(Any::new(RecordReader { record, notes, is_row: false }))
    }

    /// Reads a list of at most `max` objects. `add` gets each of them, and may record that it is left out. Returns false if
    /// the value is not a list.
    pub(crate) fn list<R: Record + Default>(
        self,
        max: usize,
        add: impl FnMut(R, &mut Notes),
    ) -> Result<bool, A::Error> {
        let Self { object, notes, is_read } = self;
        *is_read = true;
        object.next_value_seed(Any::new(ListReader { max, add, notes, record: PhantomData }))
    }

    /// Records that the row with this key is left out.
    pub(crate) fn leave_out(self, message: impl fmt::Display) {
        self.notes.row(message);
    }

    fn scalar(self, max_bytes: usize) -> Result<(Scalar, &'v mut Notes), A::Error> {
        let Self { object, notes, is_read } = self;
        *is_read = true;
        Ok((object.next_value_seed(Any::new(ScalarReader { max_bytes }))?, notes))
    }
}

fn text(found: Scalar, max_bytes: usize, notes: &mut Notes) -> Option<Box<str>> {
    match found {
        Scalar::Text(text) => Some(text).filter(|text| !text.is_empty()),
        Scalar::Null => None,
        Scalar::OtherText => {
            notes.field(format_args!("longer than {max_bytes} bytes"));
            None
        }
        other => mismatch(notes, "a string", &other),
    }
}

fn mismatch<T>(notes: &mut Notes, wanted: &str, found: &Scalar) -> Option<T> {
    notes.field(format_args!("expected {wanted}, found {}", found.noun()));
    None
}

/// A reader that copies strings of at most `max_bytes`.
struct ScalarReader {
    max_bytes: usize,
}

impl Reader<'_> for ScalarReader {
    type Output = Scalar;

    fn text(self, text: &str) -> Scalar {
        if text.len() <= self.max_bytes { Scalar::Text(text.into()) } else { Scalar::OtherText }
    }

    fn other(self, found: Scalar) -> Scalar {
        found
    }
}
