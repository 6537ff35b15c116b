//! `/proc/pressure/*` and the `*.pressure` files of cgroup v2.

use crate::bytes::{fields, kernel_number, lines};
use crate::error::{ParseError, Parsed};

/// Stall time for a resource since boot or since the creation of the cgroup, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Time while at least one task was stalled.
    pub some_us: Option<u64>,
    /// Time while all non-idle tasks were stalled at once.
    pub full_us: Option<u64>,
}

/// Parses rows `some avg10=… avg60=… avg300=… total=NUMBER` and `full …`. A row without a valid total loses only its value.
pub fn parse(text: &[u8]) -> Parsed<Pressure> {
    let mut parsed = Parsed::<Pressure>::default();
    for (index, line) in lines(text) {
        let mut parts = fields(line);
        let target = match parts.next() {
            Some(b"some") => &mut parsed.value.some_us,
            Some(b"full") => &mut parsed.value.full_us,
            _ => continue,
        };
        let total = parts.find_map(|field| field.strip_prefix(b"total="));
        *target = total.and_then(kernel_number);
        if target.is_none() && parsed.skipped.is_none() {
            parsed.skipped = Some(ParseError::new(index, "`total=` and a number"));
        }
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_file_is_parsed() {
        let text = b"some avg10=0.81 avg60=0.39 avg300=0.16 total=8326669\nfull avg10=0.44 avg60=0.23 avg300=0.10 total=6244121\n";
        let value = Pressure { some_us: Some(8_326_669), full_us: Some(6_244_121) };
        assert_eq!(parse(text), Parsed { value, skipped: None });
    }

    #[test]
    fn before_5_13_cpu_has_no_full_line() {
        let text = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(parse(text).value, Pressure { some_us: Some(0), full_us: None });
        assert_eq!(parse(b""), Parsed::default());
    }

    #[test]
    fn a_row_without_total_is_reported_and_loses_its_value() {
        let parsed = parse(b"some avg10=0.00 total=5\nfull avg10=0.00\n");
        assert_eq!((parsed.value.some_us, parsed.value.full_us), (Some(5), None));
        assert_eq!(parsed.skipped.unwrap().line, 2);
        let parsed = parse(b"some total=-5\nfull total=7\n");
        assert_eq!((parsed.value.some_us, parsed.value.full_us), (None, Some(7)));
        assert_eq!(parsed.skipped.unwrap().line, 1);
    }
}
