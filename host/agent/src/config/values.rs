//! Values in text form: durations, sizes, hashes.

use std::time::Duration;

/// Parses a duration: a whole number and its unit, as in `250ms`, `60s`, `5m`, `1h`.
///
/// # Errors
/// Returns a message that shows the expected form.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!("invalid duration `{text}`: expected a whole number and a unit (ms, s, m or h), such as 60s")
    };
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(wrong)
}

/// Parses a size into bytes: a whole number and its unit, as in `512B`, `64KiB`, `16MiB`, `1GiB`.
///
/// # Errors
/// Returns a message that shows the expected form.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "invalid size `{text}`: expected a whole number and a unit (B, KiB, MiB or GiB), such as 64MiB"
        )
    };
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(bytes).ok_or_else(wrong)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("5 m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("0h"), Ok(Duration::ZERO));
        for wrong in
            ["60", "", "s", "-1s", "1.5s", "60 sec", "99999999999999999999s", "18446744073709551615h"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("0B"), Ok(0));
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("2 GiB"), Ok(2 << 30));
        for wrong in ["64", "64MB", "64M", "1.5MiB", "MiB", "99999999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
