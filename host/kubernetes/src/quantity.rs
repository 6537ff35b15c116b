//! Exact parsing of Kubernetes resource quantities (`500m`, `1.5Gi`, `2e3`).
//!
//! The grammar is that of the API: an optional sign, decimal digits with an optional point, then one of the decimal
//! suffixes `n u m k M G T P E`, one of the binary suffixes `Ki Mi Gi Ti Pi Ei`, or `e`/`E` with an integer exponent. No
//! floating point is used: a value is `digits × 10^ten × 2^two`, rounded up once, at the end.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

/// Largest value that the API itself can represent, in any unit.
const LARGEST: u128 = i64::MAX as u128;

/// An error for a text that is not a quantity, or too large.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QuantityError {
    /// A digit is missing, or there are characters other than digits, point and suffix.
    #[error("invalid quantity {0:?}: expected digits and an optional suffix, such as `500m`, `1.5`, `2Gi`")]
    Malformed(String),
    /// A suffix that the API does not know.
    #[error(
        "invalid quantity {0:?}: unknown suffix; expected n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an \
         exponent such as e3"
    )]
    Suffix(String),
    /// The value exceeds 2⁶³ − 1 of the unit.
    #[error("quantity {text:?} exceeds 2^63 - 1 {unit}")]
    TooLarge {
        /// Text of the quantity.
        text: String,
        /// Unit of the value.
        unit: &'static str,
    },
}

/// Parses a CPU quantity into thousandths of a core, rounded up.
///
/// Returns `None` for a negative quantity, which counts as not set.
///
/// # Errors
/// If `text` is not a quantity, or too large.
pub(crate) fn millicores(text: &str) -> Result<Option<u64>, QuantityError> {
    ceiling(text, 3, "millicores")
}

/// Parses a memory quantity into bytes, rounded up.
///
/// Returns `None` for a negative quantity, which counts as not set.
///
/// # Errors
/// If `text` is not a quantity, or too large.
pub(crate) fn bytes(text: &str) -> Result<Option<u64>, QuantityError> {
    ceiling(text, 0, "bytes")
}

/// Returns the value of `text` times `10^places`, rounded up.
fn ceiling(text: &str, places: i64, unit: &'static str) -> Result<Option<u64>, QuantityError> {
    let number = Number::parse(text)?;
    if number.digits().all(|digit| digit == 0) {
        return Ok(Some(0));
    }
    if number.negative {
        return Ok(None);
    }
    number
        .ceiling(places)
        .map(Some)
        .ok_or_else(|| QuantityError::TooLarge { text: crate::problem::shortened(text.to_owned()), unit })
}

/// A parsed quantity: `whole.fraction × 10^ten × 2^two`.
struct Number<'t> {
    negative: bool,
    whole: &'t [u8],
    fraction: &'t [u8],
    ten: i64,
    two: u32,
}

impl<'t> Number<'t> {
    fn parse(text: &'t str) -> Result<Self, QuantityError> {
        let shown = || crate::problem::shortened(text.to_owned());
        let (negative, rest) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (whole, rest) = split_digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest),
            _ => (&[][..], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(QuantityError::Malformed(shown()));
        }
        let (ten, two) = match rest {
            b"" => (0, 0),
            b"n" => (-9, 0),
            b"u" => (-6, 0),
            b"m" => (-3, 0),
            b"k" => (3, 0),
            b"M" => (6, 0),
            b"G" => (9, 0),
            b"T" => (12, 0),
            b"P" => (15, 0),
            b"E" => (18, 0),
            b"Ki" => (0, 10),
            b"Mi" => (0, 20),
            b"Gi" => (0, 30),
            b"Ti" => (0, 40),
            b"Pi" => (0, 50),
            b"Ei" => (0, 60),
            // Go parses the exponent as 32 bits; beyond that, the value is either 0 or too large.
            [b'e' | b'E', exponent @ ..] => std::str::from_utf8(exponent)
                .ok()
                .and_then(|exponent| exponent.parse::<i32>().ok())
                .map(|exponent| (i64::from(exponent), 0))
                .ok_or_else(|| QuantityError::Suffix(shown()))?,
            [byte, ..] if byte.is_ascii_alphabetic() => return Err(QuantityError::Suffix(shown())),
            _ => return Err(QuantityError::Malformed(shown())),
        };
        Ok(Self { negative, whole, fraction, ten, two })
    }

    /// Returns the digits from the most significant to the least.
    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> + Clone + 't {
        self.whole.iter().chain(self.fraction).map(|byte| byte - b'0')
    }

    /// Returns the magnitude times `10^places`, rounded up; `None` if it exceeds [`LARGEST`]. The number must not be zero.
    fn ceiling(&self, places: i64) -> Option<u64> {
        let count = (self.whole.len() + self.fraction.len()) as i64;
        // The value is all digits as one integer, times this power of ten. Lengths are far below 2^62, so nothing here
        // overflows.
        let power = self.ten + places - self.fraction.len() as i64;
        // Number of digits behind the point; the digit before the point is that of 10^0.
        let behind = (-power).clamp(0, count) as usize;

        // The part behind the point times 2^two, from its last digit: the carry over the point is added to the integer, and
        // the remainder only decides if the result is rounded up. Works for any number of digits.
        let scale = 1_u128 << self.two;
        let mut carry = 0_u128;
        let mut rest = false;
        for digit in self.digits().rev().take(behind) {
            carry += u128::from(digit) * scale;
            rest |= !carry.is_multiple_of(10);
            carry /= 10;
        }
        // Zeros between the point and the first digit, as in 1e-9.
        let mut zeros = (-power - behind as i64).max(0);
        while zeros > 0 && carry > 0 {
            rest |= !carry.is_multiple_of(10);
            carry /= 10;
            zeros -= 1;
        }

        let mut whole = 0_u128;
        for digit in self.digits().take(count as usize - behind) {
            whole = whole.checked_mul(10)?.checked_add(u128::from(digit))?;
        }
        if whole > 0 && power > 0 {
            whole = whole.checked_mul(10_u128.checked_pow(u32::try_from(power).ok()?)?)?;
        }
        let value = whole.checked_mul(scale)?.checked_add(carry)?.checked_add(u128::from(rest))?;
        (value <= LARGEST).then_some(value as u64)
    }
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// A CPU quantity of a document, parsed by [`millicores`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Millicores(pub(crate) Option<u64>);

/// A memory quantity of a document, parsed by [`bytes`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) Option<u64>);

impl<'de> Deserialize<'de> for Millicores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read(millicores)).map(Self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read(bytes)).map(Self)
    }
}

/// Visitor for a quantity, either a string or a bare number, which the API accepts as well.
struct Read(fn(&str) -> Result<Option<u64>, QuantityError>);

impl Visitor<'_> for Read {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Option<u64>, E> {
        (self.0)(text).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Option<u64>, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Option<u64>, E> {
        self.visit_str(&number.to_string())
    }

    /// The shortest text that yields this float is the one in the document, for up to 15 digits.
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Option<u64>, E> {
        self.visit_str(&number.to_string())
    }
}
