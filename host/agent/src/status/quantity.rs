//! Quantities for people.

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// Formats bytes in the largest unit that fits.
pub(super) fn bytes(bytes: f64) -> String {
    // From here on, a figure rounded to whole bytes would read 1024.
    if bytes < 1023.5 {
        return format!("{bytes:.0} B");
    }
    let (mut value, mut unit) = (bytes / 1024.0, 1);
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Formats a number without a fraction, with a comma after each thousand.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        let sizes = [0.0, 1023.4, 1023.6, 1536.0, 1024.0 * 1023.96, 3_128_455_168.0].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "2.9 GiB"]);
        let numbers = [0.0, 999.4, 1000.0, 12_345.6, 1_234_567.0].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "12,346", "1,234,567"]);
    }
}
