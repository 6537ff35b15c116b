//! `/proc/loadavg`.

use crate::bytes::fields;
use crate::error::{ParseError, Parsed};

/// Average numbers of processes that ran or waited for the disk, over 1, 5 and 15 minutes.
pub type Load = [Option<f64>; 3];

/// Parses `1.05 0.70 0.58 2/345 6789`. A malformed value loses only itself.
pub fn parse(text: &[u8]) -> Parsed<Load> {
    let mut parsed = Parsed::<Load>::default();
    let mut parts = fields(text.trim_ascii_end());
    for value in &mut parsed.value {
        *value = parts.next().and_then(decimal);
        if value.is_none() {
            parsed.skipped = parsed.skipped.or(Some(ParseError::new(0, "three decimal numbers")));
        }
    }
    parsed
}

/// Parses digits with at most one point, the only form that the kernel writes.
fn decimal(text: &[u8]) -> Option<f64> {
    let is_plain = text.len() <= 32 && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let value: f64 = str::from_utf8(text).ok().filter(|_| is_plain)?.parse().ok()?;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_file_is_parsed() {
        let parsed = parse(b"75.98 28.32 19.08 101/2739 9178\n");
        assert_eq!(parsed, Parsed { value: [Some(75.98), Some(28.32), Some(19.08)], skipped: None });
    }

    #[test]
    fn a_malformed_value_loses_only_itself() {
        for bad in ["inf", "-1.0", "nan", "1e3", "1.2.3", ".", "+1"] {
            let parsed = parse(format!("0.50 {bad} 2.00 1/2 3\n").as_bytes());
            assert_eq!(parsed.value, [Some(0.5), None, Some(2.0)], "{bad}");
            assert_eq!(parsed.skipped.unwrap().line, 1, "{bad}");
        }
        assert_eq!(parse(b"1.00 2.00").value, [Some(1.0), Some(2.0), None]);
        assert_eq!(parse(b"").value, [None; 3]);
        assert!(parse(b"").skipped.is_some());
    }
}
