//! The samples of a metrics page, as JSON. The page is the agent's own ([`Metrics::write`](super::metrics::Metrics::write)), so this
//! relies on its form: one sample a line, without timestamps.

use std::fmt::Write;

/// A sample of a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// Name and labels as on the page: `insightd_ticks_total{a="b"}`.
    pub(super) series: &'a str,
    pub(super) value: f64,
}

/// Returns the samples of a page.
pub(super) fn samples(page: &str) -> impl Iterator<Item = Sample<'_>> {
    page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        Some(Sample { series, value: value.parse().ok()? })
    })
}

/// Appends the name and the labels of a series as members of a JSON object: `"name":"a","labels":{"b":"c"}`.
pub(super) fn write_series(series: &str, json: &mut String) {
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').unwrap_or(labels);
    json.push_str(r#""name":""#);
    json.push_str(name);
    json.push_str(r#"","labels":{"#);
    let (mut is_value, mut is_escaped, mut is_key) = (false, false, false);
    // The escapes of label values, `\\`, `\"` and `\n`, are those of JSON. Names of labels have no characters to escape.
    for c in labels.chars() {
        match c {
            '=' if !is_value => {
                json.push_str("\":");
                is_key = false;
                continue;
            }
            '"' if !is_escaped => is_value = !is_value,
            ',' if !is_value => {}
            _ if !is_value && !is_key => {
                json.push('"');
                is_key = true;
            }
            _ => {}
        }
        is_escaped = is_value && c == '\\' && !is_escaped;
        json.push(c);
    }
    json.push('}');
}

/// Appends a number; JSON has no NaN and no infinity, so these become null.
pub(super) fn write_number(number: f64, json: &mut String) {
    // Writing to a string cannot fail.
    let _ = if number.is_finite() { write!(json, "{number}") } else { write!(json, "null") };
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PAGE: &str = "# HELP a_total A\n# TYPE a_total counter\na_total 7\nb{x=\"1\",y=\"a \\\"b\\\" \\\\ \\n,={}\"} 0.5\nc{} NaN\n# EOF\n";

    #[test]
    fn samples_of_a_page() {
        let found: Vec<_> = samples(PAGE).map(|sample| sample.series).collect();
        assert_eq!(found, ["a_total", "b{x=\"1\",y=\"a \\\"b\\\" \\\\ \\n,={}\"}", "c{}"]);
        let values: Vec<f64> = samples(PAGE).map(|sample| sample.value).collect();
        assert_eq!(values[..2], [7.0, 0.5]);
        assert!(values[2].is_nan());
    }

    #[test]
    fn series_as_json() {
        let parsed: Vec<Value> = samples(PAGE)
            .map(|sample| {
                let mut json = "{".to_owned();
                write_series(sample.series, &mut json);
                json.push_str(",\"value\":");
                write_number(sample.value, &mut json);
                json.push('}');
                serde_json::from_str(&json).unwrap()
            })
            .collect();
        let wanted = json!([
            {"name": "a_total", "labels": {}, "value": 7},
            {"name": "b", "labels": {"x": "1", "y": "a \"b\" \\ \n,={}"}, "value": 0.5},
            {"name": "c", "labels": {}, "value": null},
        ]);
        assert_eq!(json!(parsed), wanted);
    }
}
