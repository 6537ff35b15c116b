//! Numbers of a summary, including sentinels for unknown values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Smallest value that counts as a sentinel: no disk or memory has such a size. CSI drivers and `statfs` use values near
/// 2⁶³ and 2⁶⁴ − 1 for "unknown" and "unlimited": EFS reports a capacity of 2⁶³ − 2²⁰ bytes, and that minus
/// the used bytes as available.
const SENTINELS: u64 = 1 << 62;

/// A number as in the document. Deserializing never fails, so an invalid number costs only itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// A plausible whole number.
    Value(u64),
    /// A negative number, or a sentinel for "unknown".
    Sentinel,
    /// Something other than a whole number.
    Malformed,
}

impl Number {
    /// Returns the number, if it is plausible.
    pub(super) fn value(self) -> Option<u64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Sentinel | Self::Malformed => None,
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
        Ok(if number < SENTINELS { Number::Value(number) } else { Number::Sentinel })
    }

    fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
        Ok(u64::try_from(number).map_or(Number::Sentinel, |number| {
            if number < SENTINELS { Number::Value(number) } else { Number::Sentinel }
        }))
    }

    /// Also called for whole numbers beyond 64 bits.
    fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
        let is_sentinel = number < 0.0 || number >= SENTINELS as f64;
        Ok(if is_sentinel { Number::Sentinel } else { Number::Malformed })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Number, E> {
        Ok(Number::Malformed)
    }

    fn visit_str<E>(self, _: &str) -> Result<Number, E> {
        Ok(Number::Malformed)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Number, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Number::Malformed)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Number::Malformed)
    }
}
