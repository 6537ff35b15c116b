//! `/proc/pressure/*` and the `*.pressure` files of cgroup v2.

use crate::bytes::{fields, lines, number};
use crate::error::ParseError;

/// Time lost to a resource since boot or since the cgroup was made, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// While at least one task waited.
    pub some_us: Option<u64>,
    /// While all tasks that were not idle waited at once.
    pub full_us: Option<u64>,
}

/// Parses lines `some avg10=… avg60=… avg300=… total=NUMBER` and `full …`.
///
/// # Errors
/// When such a line has no total.
pub fn parse(text: &[u8]) -> Result<Pressure, ParseError> {
    let mut pressure = Pressure::default();
    for (index, line) in lines(text) {
        let mut parts = fields(line);
        let place = match parts.next() {
            Some(b"some") => &mut pressure.some_us,
            Some(b"full") => &mut pressure.full_us,
            _ => continue,
        };
        let total = parts.find_map(|field| field.strip_prefix(b"total="));
        *place = Some(total.and_then(number).ok_or(ParseError::new(index, "`total=` and a number"))?);
    }
    Ok(pressure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_real_one() {
        let text = b"some avg10=0.81 avg60=0.39 avg300=0.16 total=8326669\nfull avg10=0.44 avg60=0.23 avg300=0.10 total=6244121\n";
        assert_eq!(parse(text), Ok(Pressure { some_us: Some(8_326_669), full_us: Some(6_244_121) }));
    }

    #[test]
    fn before_5_13_cpu_has_no_full_line() {
        let text = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(parse(text), Ok(Pressure { some_us: Some(0), full_us: None }));
        assert_eq!(parse(b""), Ok(Pressure::default()));
    }

    #[test]
    fn a_line_without_total_is_named() {
        assert_eq!(parse(b"some avg10=0.00 total=5\nfull avg10=0.00\n").unwrap_err().line, 2);
        assert_eq!(parse(b"some total=-5\n").unwrap_err().line, 1);
    }
}
