//! A small JSON reader and writer.
//!
//! A general JSON library would be the larger half of a component. This one reads a whole text into a [`Value`] and
//! writes strings and numbers to a byte buffer.

mod decimal;
mod parse;
mod write;

use alloc::string::String;
use alloc::vec::Vec;

pub use parse::{Error, parse};
pub use write::{integer_text, write_integer, write_number, write_string, write_value};

/// A JSON value. Objects keep the order of their keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without sign, fraction and exponent that fits 64 bits. Stored exactly, as counters need it.
    Integer(u64),
    /// Any other number; finite.
    Number(f64),
    /// A string.
    String(String),
    /// A list.
    Array(Vec<Value>),
    /// An object; its keys are unique.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// Returns the type of the value for messages: `a number`, `a list`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Integer(_) | Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// Returns the value of a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            _ => None,
        }
    }

    /// Returns the value of a non-negative whole number; below 9e15 also of one written like `5.0`.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::Integer(value) => Some(value),
            Self::Number(value) if (0.0..9e15).contains(&value) && value as u64 as f64 == value => {
                Some(value as u64)
            }
            _ => None,
        }
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value of a key of an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Object(fields) => fields.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }
}
