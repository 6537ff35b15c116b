use std::cmp::Ordering;

use proptest::prelude::*;

use super::{QuantityError, bytes, millicores};

#[test]
fn every_suffix_is_parsed() {
    for (text, expected) in [
        ("1", 1),
        ("1k", 1_000),
        ("1M", 1_000_000),
        ("1G", 1_000_000_000),
        ("1T", 1_000_000_000_000),
        ("1P", 1_000_000_000_000_000),
        ("1E", 1_000_000_000_000_000_000),
        ("1Ki", 1 << 10),
        ("1Mi", 1 << 20),
        ("1Gi", 1 << 30),
        ("1Ti", 1 << 40),
        ("1Pi", 1 << 50),
        ("1Ei", 1 << 60),
        ("1e3", 1_000),
        ("1E3", 1_000),
        ("1e+3", 1_000),
        ("1500e-3", 2),
        ("1n", 1),
        ("1000000000n", 1),
        ("1000000001n", 2),
        ("1u", 1),
        ("2000000u", 2),
        ("1000m", 1),
        ("1001m", 2),
        ("128974848000m", 128_974_848),
        ("123Mi", 128_974_848),
        ("129e6", 129_000_000),
        ("1.5Gi", 1_610_612_736),
        ("0.1Ki", 103),
        (".5", 1),
        ("5.", 5),
        ("+5", 5),
        ("0", 0),
        ("-0", 0),
        ("0e99999", 0),
        ("000000000000000000000000000000000000000000000000001", 1),
        ("1.000000000000000000000000000000000000000000000000001", 2),
        ("1e-99999", 1),
        ("9223372036854775807", 9_223_372_036_854_775_807),
        ("9223372036854775807000m", 9_223_372_036_854_775_807),
    ] {
        assert_eq!(bytes(text), Ok(Some(expected)), "{text}");
    }
}

#[test]
fn cpu_is_rounded_up_to_millicores() {
    for (text, expected) in [
        ("0.1", 100),
        ("100m", 100),
        ("100u", 1),
        ("1n", 1),
        ("1", 1000),
        ("2.0005", 2001),
        ("0", 0),
        ("1k", 1_000_000),
    ] {
        assert_eq!(millicores(text), Ok(Some(expected)), "{text}");
    }
}

#[test]
fn negative_counts_as_not_set() {
    for text in ["-1", "-1m", "-0.0000000001n", "-1e99999"] {
        assert_eq!(millicores(text), Ok(None), "{text}");
        assert_eq!(bytes(text), Ok(None), "{text}");
    }
}

#[test]
fn quantities_beyond_64_bits_are_errors() {
    for text in [
        "9223372036854775808",
        "8Ei",
        "1e19",
        "1e2000000000",
        "9223372036854775.8071P",
        "99999999999999999999E",
    ] {
        assert!(matches!(bytes(text), Err(QuantityError::TooLarge { .. })), "{text}");
    }
    assert!(matches!(millicores("9223372036854775.808"), Err(QuantityError::TooLarge { .. })));
    assert_eq!(millicores("9223372036854775.807"), Ok(Some(i64::MAX as u64)));
    assert_eq!(
        bytes("16Ei").unwrap_err().to_string(),
        r#"quantity "16Ei" exceeds 2^63 - 1 bytes"#,
        "the message names the text and the unit"
    );
}

#[test]
fn malformed_quantities_are_errors() {
    for text in
        ["", "-", "+", ".", "-.", "m", "Ki", "1 ", " 1", "1.2.3", "--1", "+-1", "1,5", "1\u{0665}", "1_000"]
    {
        assert!(
            matches!(bytes(text), Err(QuantityError::Malformed(_) | QuantityError::Suffix(_))),
            "{text:?}"
        );
        assert!(millicores(text).is_err(), "{text:?}");
    }
    for text in
        ["1K", "1ki", "1KiB", "1mi", "1e", "1e+", "1e1.5", "1e99999999999999999999", "1Eii", "1x", "1ee3"]
    {
        assert!(matches!(bytes(text), Err(QuantityError::Suffix(_))), "{text:?}");
    }
}

/// Natural numbers of any size, base 10⁹, least significant limb first, without leading zeros: sufficient to compare
/// fractions by cross-multiplication, and independent of the code under test.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Natural(Vec<u64>);

const BASE: u64 = 1_000_000_000;

impl Natural {
    fn from_u64(number: u64) -> Self {
        Self(vec![number % BASE, number / BASE % BASE, number / BASE / BASE]).trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn times(&self, factor: u64) -> Self {
        assert!(factor <= BASE);
        let mut carry = 0;
        let mut limbs: Vec<u64> = self
            .0
            .iter()
            .map(|limb| {
                let value = limb * factor + carry;
                carry = value / BASE;
                value % BASE
            })
            .collect();
        limbs.push(carry);
        Self(limbs).trimmed()
    }

    fn times_power(&self, base: u64, exponent: u32) -> Self {
        (0..exponent).fold(self.clone(), |value, _| value.times(base))
    }

    fn plus(&self, small: u64) -> Self {
        let mut limbs = self.0.clone();
        limbs.push(0);
        let mut carry = small;
        for limb in &mut limbs {
            let value = *limb + carry;
            *limb = value % BASE;
            carry = value / BASE;
        }
        assert_eq!(carry, 0);
        Self(limbs).trimmed()
    }

    fn of_digits(digits: &str) -> Self {
        digits.bytes().fold(Self(Vec::new()), |value, digit| value.times(10).plus(u64::from(digit - b'0')))
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

/// Returns the quantity in the unit as `numerator / denominator`.
fn model(whole: &str, fraction: &str, suffix: &str, places: i32) -> (Natural, Natural) {
    let decimal = |ten: i32| (ten, 0);
    let (ten, two) = match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => (0, 1),
        "Mi" => (0, 2),
        "Gi" => (0, 3),
        "Ti" => (0, 4),
        "Pi" => (0, 5),
        "Ei" => (0, 6),
        exponent => decimal(exponent[1..].parse().unwrap()),
    };
    let mut numerator = Natural::of_digits(&format!("{whole}{fraction}")).times_power(1024, two);
    let mut denominator = Natural::from_u64(1).times_power(10, fraction.len() as u32);
    let ten = ten + places;
    if ten >= 0 {
        numerator = numerator.times_power(10, ten as u32);
    } else {
        denominator = denominator.times_power(10, -ten as u32);
    }
    (numerator, denominator)
}

/// Returns `count × denominator`, for a count of any size.
fn product(count: u64, denominator: &Natural) -> Natural {
    let (low, middle, high) = (count % BASE, count / BASE % BASE, count / BASE / BASE);
    let sum = |left: Natural, right: Natural| {
        let length = left.0.len().max(right.0.len()) + 1;
        let mut limbs = vec![0; length];
        let mut carry = 0;
        for (index, limb) in limbs.iter_mut().enumerate() {
            let value = left.0.get(index).unwrap_or(&0) + right.0.get(index).unwrap_or(&0) + carry;
            *limb = value % BASE;
            carry = value / BASE;
        }
        Natural(limbs).trimmed()
    };
    let upper = sum(denominator.times(middle), denominator.times(high).times(BASE));
    sum(denominator.times(low), upper.times(BASE))
}

fn suffixes() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"
        ])
        .prop_map(str::to_owned),
        (prop::sample::select(vec!["e", "E"]), -45_i32..25)
            .prop_map(|(letter, power)| format!("{letter}{power}")),
        (0_i32..25).prop_map(|power| format!("e+{power}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// `r` is the exact value rounded up if and only if `(r - 1) × d < n <= r × d`.
    #[test]
    fn quantities_agree_with_rational_arithmetic(whole in "[0-9]{0,24}", fraction in "[0-9]{0,40}", suffix in suffixes(), places in prop::sample::select(vec![0, 3])) {
        prop_assume!(!(whole.is_empty() && fraction.is_empty()));
        let point = if fraction.is_empty() { "" } else { "." };
        let text = format!("{whole}{point}{fraction}{suffix}");
        let (numerator, denominator) = model(&whole, &fraction, &suffix, places);
        let got = if places == 3 { millicores(&text) } else { bytes(&text) };
        match got {
            Ok(Some(0)) => prop_assert!(numerator.0.is_empty(), "{text} is not zero"),
            Ok(Some(value)) => {
                prop_assert!(product(value, &denominator).compare(&numerator) != Ordering::Less, "{text}: {value} is too small");
                prop_assert!(product(value - 1, &denominator).compare(&numerator) == Ordering::Less, "{text}: {value} is too large");
            }
            Err(QuantityError::TooLarge { .. }) => {
                prop_assert!(product(i64::MAX as u64, &denominator).compare(&numerator) == Ordering::Less, "{text} fits");
            }
            other => prop_assert!(false, "{text}: {other:?}"),
        }
        let negated = format!("-{text}");
        let expected = if numerator.0.is_empty() { Ok(Some(0)) } else { Ok(None) };
        prop_assert_eq!(bytes(&negated), expected);
    }

    #[test]
    fn never_panics(text in any::<String>()) {
        let _ = (bytes(&text), millicores(&text));
    }

    #[test]
    fn never_panics_on_texts_like_quantities(text in "[-+]?[0-9.]{0,60}[eEinumkKMGTP]{0,2}[-+]?[0-9]{0,20}") {
        let _ = (bytes(&text), millicores(&text));
    }
}

#[test]
fn the_model_computes_known_values() {
    assert_eq!(Natural::of_digits("0001234567890123456789"), Natural(vec![123_456_789, 234_567_890, 1]));
    assert_eq!(product(u64::MAX, &Natural::from_u64(1)), Natural::of_digits("18446744073709551615"));
    assert_eq!(
        product(1 << 40, &Natural::from_u64(1 << 40)),
        Natural::of_digits("1208925819614629174706176")
    );
    assert_eq!(Natural::from_u64(1).times_power(1024, 6), Natural::from_u64(1 << 60));
}
