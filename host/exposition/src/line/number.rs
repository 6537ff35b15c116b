//! Numbers of a line.

use crate::Format;

/// Parses a value: `1`, `-1.5e+09`, `NaN`, `+Inf`. The format takes the syntax of Go's `ParseFloat` without hexadecimal
/// digits and underscores, as Prometheus reads it.
pub(super) fn value(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    // `1e999` is out of range, not infinite.
    let is_named = || text.bytes().any(|byte| matches!(byte, b'i' | b'I'));
    (value.is_finite() || value.is_nan() || is_named()).then_some(value)
}

/// Parses a timestamp as milliseconds: a whole number of them, or in OpenMetrics a number of seconds.
pub(super) fn timestamp(text: &str, format: Format) -> Option<i64> {
    match format {
        Format::Prometheus => text.parse().ok(),
        Format::OpenMetrics => {
            let milliseconds = (text.parse::<f64>().ok()? * 1000.0).round();
            // Every whole number in this range is exact.
            (milliseconds.abs() <= (1_u64 << 53) as f64).then_some(milliseconds as i64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_floating_point_numbers() {
        for (text, expected) in [
            ("0", 0.0),
            ("-0.5", -0.5),
            ("+3", 3.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1.458255915e9", 1_458_255_915.0),
            ("7.6656e+04", 76656.0),
            ("1E-3", 0.001),
            ("+Inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
            ("inf", f64::INFINITY),
            ("1e-999", 0.0),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
        assert!(value("NaN").is_some_and(f64::is_nan));
        for text in ["", "-", "e5", "1e", "0x10", "1_000", "1,5", "one", "1e999", "-1e999", "1 ", "١"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn timestamps_are_milliseconds() {
        let (text, open) = (Format::Prometheus, Format::OpenMetrics);
        assert_eq!(timestamp("1395066363000", text), Some(1_395_066_363_000));
        assert_eq!(timestamp("-3982045", text), Some(-3_982_045));
        for wrong in ["1395066363000.5", "1e3", "NaN", "9223372036854775808", "0x1"] {
            assert_eq!(timestamp(wrong, text), None, "{wrong}");
        }
        assert_eq!(timestamp("1520879607.789", open), Some(1_520_879_607_789));
        assert_eq!(timestamp("1.520430000e9", open), Some(1_520_430_000_000));
        for wrong in ["NaN", "+Inf", "1e300", ""] {
            assert_eq!(timestamp(wrong, open), None, "{wrong}");
        }
    }
}
