//! Durations of the configuration, in the form that the agent's own configuration has.

use insights_sdk::prelude::*;

pub(crate) const SECOND_MS: u64 = 1000;
pub(crate) const MINUTE_MS: u64 = 60 * SECOND_MS;
pub(crate) const HOUR_MS: u64 = 60 * MINUTE_MS;
/// Longest duration.
pub(crate) const MAX_MS: u64 = 24 * HOUR_MS;

/// Parses a whole number and its unit, as in `30s`, `5m`, `1h`, into milliseconds of at least `min_ms` and at most a day.
///
/// # Errors
/// A message with the expected form or range.
pub(crate) fn parse(text: &str, min_ms: u64) -> Result<u64, String> {
    let milliseconds = parts(text).ok_or_else(|| {
        let shown = if text.len() <= 32 {
            ["invalid duration `", text, "`"].concat()
        } else {
            "invalid duration".into()
        };
        [&shown, ": expected a whole number and a unit (ms, s, m or h), such as 5m"].concat()
    })?;
    if (min_ms..=MAX_MS).contains(&milliseconds) {
        return Ok(milliseconds);
    }
    Err(["expected at least ", &text_of(min_ms), " and at most ", &text_of(MAX_MS)].concat())
}

/// Writes a duration in its largest unit without a remainder.
pub(crate) fn text_of(milliseconds: u64) -> String {
    let units = [(HOUR_MS, "h"), (MINUTE_MS, "m"), (SECOND_MS, "s"), (1, "ms")];
    let whole = units.into_iter().find(|(unit, _)| milliseconds.is_multiple_of(*unit));
    let (unit, name) = whole.unwrap_or((1, "ms"));
    [&json::integer_text(milliseconds / unit), name].concat()
}

fn parts(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit.trim_start_matches(' ') {
        "ms" => 1,
        "s" => SECOND_MS,
        "m" => MINUTE_MS,
        "h" => HOUR_MS,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_a_range() {
        assert_eq!(parse("90s", SECOND_MS), Ok(90_000));
        assert_eq!(parse("5 m", SECOND_MS), Ok(300_000));
        assert_eq!(parse("24h", SECOND_MS), Ok(86_400_000));
        for text in ["", "5", "m", "1.5h", "-1s", "5d", "99999999999999999999s", "99999999999999999h"] {
            assert!(
                parse(text, SECOND_MS).is_err_and(|error| error.starts_with("invalid duration `")),
                "{text}"
            );
        }
        assert_eq!(parse("999ms", SECOND_MS), Err("expected at least 1s and at most 24h".into()));
        assert_eq!(parse("25h", MINUTE_MS), Err("expected at least 1m and at most 24h".into()));
    }

    #[test]
    fn texts_have_the_largest_whole_unit() {
        for text in ["1500ms", "90s", "10m", "24h"] {
            assert_eq!(parse(text, 1).map(text_of).as_deref(), Ok(text));
        }
    }
}
