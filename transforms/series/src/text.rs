//! Rules for names and units.

/// Maximum bytes of the name of a metric that a transform published.
const MAX_NAME: usize = 255;
/// Maximum bytes of a label's value: longer ones are cut.
const MAX_VALUE: usize = 1024;

/// Returns true for a name that Prometheus and OpenTelemetry accept: letters, digits and `_`, not beginning with a digit.
pub fn is_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= MAX_NAME
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Returns the bytes of a key as part of a label's name: `_` replaces all bytes but letters, digits and `_`.
pub(crate) fn sanitized(key: &str) -> impl Iterator<Item = u8> {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c as u8 } else { b'_' })
}

/// Cuts the value of a label or an attribute to its bound, at the end of a character.
pub fn cut(value: &str) -> &str {
    &value[..value.floor_char_boundary(MAX_VALUE)]
}

/// Returns the unit that a name of the Prometheus world has by its suffix, in UCUM: the rule of the OpenTelemetry pipeline of
/// Container Insights.
pub const fn unit_of(name: &str) -> &'static str {
    const UNITS: [(&str, &str); 8] = [
        ("_seconds", "s"),
        ("_bytes", "By"),
        ("_celsius", "Cel"),
        ("_ratio", "1"),
        ("_percent", "%"),
        ("_watts", "W"),
        ("_joules", "J"),
        ("_hertz", "Hz"),
    ];
    let name = name.as_bytes();
    let is_total = ends_with(name, name.len(), b"_total");
    let end = if is_total { name.len() - b"_total".len() } else { name.len() };
    let mut at = 0;
    while at < UNITS.len() {
        // Only seconds and bytes are counted.
        if (!is_total || at < 2) && ends_with(name, end, UNITS[at].0.as_bytes()) {
            return UNITS[at].1;
        }
        at += 1;
    }
    if is_total { "1" } else { "" }
}

const fn ends_with(text: &[u8], end: usize, suffix: &[u8]) -> bool {
    if end < suffix.len() {
        return false;
    }
    let mut at = 0;
    while at < suffix.len() {
        if text[end - suffix.len() + at] != suffix[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_by_suffix() {
        for (name, unit) in [
            ("container_cpu_usage_seconds_total", "s"),
            ("container_start_time_seconds", "s"),
            ("container_network_receive_bytes_total", "By"),
            ("container_memory_working_set_bytes", "By"),
            ("container_oom_events_total", "1"),
            ("container_memory_rss", ""),
            ("disk_ratio", "1"),
            ("disk_percent", "%"),
            ("power_watts", "W"),
            ("seconds", ""),
            ("_total", "1"),
            ("", ""),
        ] {
            assert_eq!(unit_of(name), unit, "{name}");
        }
    }

    #[test]
    fn metric_names() {
        for name in ["a", "_a1", "container_threads", &"x".repeat(255)] {
            assert!(is_metric_name(name), "{name}");
        }
        for name in ["", "1a", "a.b", "a-b", "a b", "a\nb", "é", "a:b", &"x".repeat(256)] {
            assert!(!is_metric_name(name), "{name}");
        }
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(600);
        assert_eq!(cut(&format!("x{long}")).len(), 1023);
    }
}
