//! Correctly rounded conversion of decimal text to `f64`.
//!
//! The standard library's parser is faster but adds 17 KB of tables and code to every component, and a component reads
//! only a handful of numbers, all of them in its configuration.

use alloc::vec;
use alloc::vec::Vec;

/// Number of digits that can decide the rounding; of any further digits it only matters that one is not zero.
const DECISIVE_DIGITS: usize = 800;

/// Parses a number in JSON's grammar. A number that is too large becomes infinite.
#[cold]
#[inline(never)]
pub(super) fn parse(text: &str) -> f64 {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = clamped(exponent).saturating_sub(i32::try_from(fraction.len()).unwrap_or(i32::MAX));
    let digits = whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0');
    let digits: Vec<u8> = digits.skip_while(|&digit| digit == 0).collect();
    let value = magnitude(&digits, exponent);
    if negative { -value } else { value }
}

fn clamped(exponent: &str) -> i32 {
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    sign * digits.bytes().fold(0i32, |value, digit| (value * 10 + i32::from(digit - b'0')).min(100_000_000))
}

/// Returns `digits` × 10^`exponent`.
#[cold]
#[inline(never)]
fn magnitude(digits: &[u8], exponent: i32) -> f64 {
    let point = exponent.saturating_add(i32::try_from(digits.len()).unwrap_or(i32::MAX));
    match point {
        _ if digits.is_empty() => return 0.0,
        310.. => return f64::INFINITY,
        ..=-330 => return 0.0,
        _ => {}
    }
    if digits.len() <= 15 && exponent.unsigned_abs() <= 22 {
        // Both operands are exact, so this one operation rounds correctly.
        let mantissa = digits.iter().fold(0u64, |value, &digit| value * 10 + u64::from(digit)) as f64;
        let power = (0..exponent.unsigned_abs()).fold(1.0, |power, _| power * 10.0);
        return if exponent < 0 { mantissa / power } else { mantissa * power };
    }
    let mut numerator = Big::default();
    for &digit in digits.iter().take(DECISIVE_DIGITS) {
        numerator.scale(10, u32::from(digit));
    }
    let mut exponent = exponent;
    if let Some(rest) = digits.get(DECISIVE_DIGITS..)
        && !rest.is_empty()
    {
        exponent += rest.len() as i32;
        if rest.iter().any(|&digit| digit != 0) {
            numerator.scale(10, 1);
            exponent -= 1;
        }
    }
    let mut denominator = Big(vec![1]);
    let scaled = if exponent < 0 { &mut denominator } else { &mut numerator };
    for _ in 0..exponent.unsigned_abs() {
        scaled.scale(10, 0);
    }
    divide(numerator, denominator)
}

/// Returns the quotient, rounded to the nearest `f64`, ties to even.
#[cold]
#[inline(never)]
fn divide(mut numerator: Big, mut denominator: Big) -> f64 {
    // Scales the quotient's integer part to 60 or 61 bits: the 53 of the mantissa, and some to round by.
    let shift = 60 - (numerator.bits() - denominator.bits());
    if shift >= 0 {
        numerator.shift_left(shift.unsigned_abs());
    } else {
        denominator.shift_left(shift.unsigned_abs());
    }
    denominator.shift_left(61);
    let mut quotient = 0u64;
    for _ in 0..=61 {
        quotient <<= 1;
        if numerator.subtract(&denominator) {
            quotient |= 1;
        }
        denominator.halve();
    }
    let more = !numerator.0.is_empty();

    let bits = 64 - quotient.leading_zeros() as i32;
    // Subnormal numbers have fewer bits.
    let below_normal = (-1022 - (bits - 1 - shift)).max(0);
    let dropped = (bits - 53 + below_normal).min(63);
    let (mut mantissa, rest) = (quotient >> dropped, quotient & ((1 << dropped) - 1));
    let half = 1 << (dropped - 1);
    if rest > half || (rest == half && (more || mantissa & 1 == 1)) {
        mantissa += 1;
    }
    // An integer of at most 53 bits times a power of two that keeps it representable: exact.
    mantissa as f64 * power_of_two(dropped - shift)
}

fn power_of_two(exponent: i32) -> f64 {
    match exponent {
        1024.. => f64::INFINITY,
        -1022.. => f64::from_bits(((exponent + 1023) as u64) << 52),
        -1074.. => f64::from_bits(1 << (exponent + 1074)),
        _ => 0.0,
    }
}

/// An unsigned big integer, lowest word first, without leading zero words.
#[derive(Default)]
struct Big(Vec<u32>);

impl Big {
    fn bits(&self) -> i32 {
        let top = self.0.last().map_or(0, |word| 32 - word.leading_zeros() as i32);
        (self.0.len() as i32 - 1) * 32 + top
    }

    #[cold]
    #[inline(never)]
    fn scale(&mut self, factor: u32, add: u32) {
        let mut carry = u64::from(add);
        for word in &mut self.0 {
            carry += u64::from(*word) * u64::from(factor);
            *word = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    #[cold]
    #[inline(never)]
    fn shift_left(&mut self, bits: u32) {
        for _ in 0..bits % 32 {
            self.scale(2, 0);
        }
        for _ in 0..bits / 32 {
            self.0.insert(0, 0);
        }
    }

    #[cold]
    #[inline(never)]
    fn halve(&mut self) {
        let mut carry = 0;
        for word in self.0.iter_mut().rev() {
            let next = *word << 31;
            *word = *word >> 1 | carry;
            carry = next;
        }
        self.trim();
    }

    /// Subtracts `other` if it is not larger; returns true if it did.
    #[cold]
    #[inline(never)]
    fn subtract(&mut self, other: &Self) -> bool {
        let order =
            self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()));
        if order.is_lt() {
            return false;
        }
        let mut borrow = false;
        for (at, word) in self.0.iter_mut().enumerate() {
            let (less, first) = word.overflowing_sub(other.0.get(at).copied().unwrap_or(0));
            let (less, second) = less.overflowing_sub(u32::from(borrow));
            (*word, borrow) = (less, first || second);
        }
        self.trim();
        true
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}
