//! Formats quantities for people.

/// Multiples of 1024 bytes.
const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Formats a number of bytes, such as `1.5 MiB`.
pub(crate) fn bytes(bytes: f64) -> String {
    // From here on, a figure rounded to whole bytes would read 1024.
    if bytes.abs() < 1023.5 {
        return format!("{bytes:.0} B");
    }
    let (mut value, mut unit) = (bytes / 1024.0, 0);
    while value.abs() >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Formats bytes per second.
pub(super) fn byte_rate(rate: f64) -> String {
    format!("{}/s", bytes(rate))
}

/// Formats thousandths of a core as Kubernetes does, such as `250m`.
pub(super) fn millicores(millicores: f64) -> String {
    format!("{millicores:.0}m")
}

/// Formats a share in percent.
pub(super) fn percent(percent: f64) -> String {
    format!("{percent:.1} %")
}

/// Formats milliseconds since the Unix epoch as date and time, UTC.
pub(crate) fn utc(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    // Days since 1 March of the year 0, in eras of 400 years: a year that begins in March ends with its leap day.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_four_digits_at_most() {
        for (value, expected) in [
            (0.0, "0 B"),
            (1.15, "1 B"),
            (1023.4, "1023 B"),
            (1023.9, "1.0 KiB"),
            (1536.0, "1.5 KiB"),
            (1024.0 * 1023.96, "1.0 MiB"),
            (3_128_455_168.0, "2.9 GiB"),
            (-2048.0, "-2.0 KiB"),
            (2f64.powi(70), "1024.0 EiB"),
        ] {
            assert_eq!(bytes(value), expected);
        }
        assert_eq!(
            (byte_rate(2048.0), millicores(25.96), percent(58.04)),
            ("2.0 KiB/s".into(), "26m".into(), "58.0 %".into())
        );
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix_ms, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399_999, "2000-02-28 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (951_868_800_000, "2000-03-01 00:00:00 UTC"),
            (1_735_689_599_000, "2024-12-31 23:59:59 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(unix_ms), expected);
        }
        // Any time in a recording has a text.
        assert!(utc(u64::MAX).ends_with(" UTC"));
    }
}
