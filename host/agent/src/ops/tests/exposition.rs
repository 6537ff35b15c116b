//! A strict parser of the text format: it accepts only pages that are valid both as OpenMetrics and in the older Prometheus format.

use std::collections::{BTreeMap, BTreeSet};

/// Samples by name and labels, as written.
pub(super) struct Exposition {
    pub(super) samples: BTreeMap<String, f64>,
    /// Names of the samples.
    pub(super) names: BTreeSet<String>,
    /// Those of them whose help begins with `Deprecated:`.
    pub(super) deprecated: BTreeSet<String>,
}

impl Exposition {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let body = text.strip_suffix("# EOF\n").ok_or("does not end with # EOF")?;
        let mut families: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        let (mut samples, mut names) = (BTreeMap::new(), BTreeSet::new());
        let mut deprecated = BTreeSet::new();
        let mut lines = body.lines().peekable();
        while let Some(line) = lines.next() {
            let (name, help) = keyword(line, "HELP")?;
            if help.is_empty() || help.contains('\\') {
                return Err(format!("help of {name}: {help:?}"));
            }
            let (typed, kind) = keyword(lines.next().unwrap_or(""), "TYPE")?;
            let mut unit = None;
            if lines.peek().is_some_and(|line| line.starts_with("# UNIT ")) {
                let (named, is) = keyword(lines.next().unwrap_or(""), "UNIT")?;
                unit = Some(is);
                if named != name || !name.ends_with(&format!("_{is}")) {
                    return Err(format!("unit {is} of {named}"));
                }
            }
            // A name ends in a unit if, and only if, that is the unit of its family.
            for wanted in ["seconds", "bytes"] {
                if (name.ends_with(wanted)) != (unit == Some(wanted)) {
                    return Err(format!("{name} has unit {unit:?}"));
                }
            }
            let good = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if typed != name || !good || families.insert(name, (kind, 0)).is_some() {
                return Err(format!("family {name}: named {typed}, or there twice"));
            }
            let sample_name = match kind {
                "gauge" => name.to_owned(),
                "counter" => format!("{name}_total"),
                _ => return Err(format!("{name} is a {kind}")),
            };
            if help.starts_with("Deprecated:") {
                deprecated.insert(sample_name.clone());
            }
            let mut any = false;
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (key, value) = sample(line, &sample_name)?;
                if kind == "counter" && value < 0.0 {
                    return Err(format!("negative count: {line}"));
                }
                if samples.insert(key.clone(), value).is_some() {
                    return Err(format!("there twice: {key}"));
                }
                any = true;
            }
            if !any {
                return Err(format!("{name} has no samples"));
            }
            names.insert(sample_name);
        }
        Ok(Self { samples, names, deprecated })
    }

    pub(super) fn value(&self, sample: &str) -> f64 {
        *self.samples.get(sample).unwrap_or_else(|| panic!("no {sample} among {:#?}", self.samples))
    }
}

fn keyword<'a>(line: &'a str, word: &str) -> Result<(&'a str, &'a str), String> {
    let rest = line.strip_prefix("# ").and_then(|line| line.strip_prefix(word)?.strip_prefix(' '));
    rest.and_then(|rest| rest.split_once(' ')).ok_or_else(|| format!("no {word}: {line:?}"))
}

/// Returns key and value of a line such as `name{label="value"} 1.5`.
fn sample(line: &str, name: &str) -> Result<(String, f64), String> {
    let wrong = |what: &str| format!("{what}: {line:?}");
    let rest = line.strip_prefix(name).ok_or_else(|| wrong("of another family"))?;
    let labels = match rest.strip_prefix('{') {
        Some(rest) => labels(rest).ok_or_else(|| wrong("labels"))?,
        None => 0,
    };
    let (labels, value) = rest.split_at(labels);
    let number = value.strip_prefix(' ').and_then(|value| value.parse::<f64>().ok());
    let number = number.filter(|number| number.is_finite()).ok_or_else(|| wrong("value"))?;
    Ok((format!("{name}{labels}"), number))
}

/// Returns the length of the labels with both braces. There must be at least one label, and each name at most once.
fn labels(text: &str) -> Option<usize> {
    let mut rest = text;
    let mut seen = BTreeSet::new();
    loop {
        let (name, behind) = rest.split_once("=\"")?;
        let good = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit());
        if !good || !seen.insert(name) {
            return None;
        }
        let mut escaped = false;
        let end = behind.char_indices().find_map(|(at, c)| {
            let is_end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            is_end.then_some(at)
        })?;
        let value = &behind[..end];
        let unescaped = value.replace("\\\\", "").replace("\\\"", "").replace("\\n", "");
        if unescaped.contains(['\\', '"', '\n']) {
            return None;
        }
        rest = &behind[end + 1..];
        match rest.as_bytes().first()? {
            b'}' => return Some(1 + text.len() - rest.len() + 1),
            b',' => rest = &rest[1..],
            _ => return None,
        }
    }
}

#[test]
fn the_reader_is_strict() {
    let good = "# HELP a_seconds Text.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n\
                a_seconds_total{x=\"\\\"\\\\\\n}\",y=\"\"} 2.5\n# EOF\n";
    let read = Exposition::parse(good).unwrap();
    assert_eq!(read.samples.len(), 2);
    assert_eq!(read.value("a_seconds_total"), 1.0);
    for (from, to) in [
        ("# EOF\n", ""),
        ("# HELP a_seconds Text.\n", ""),
        ("# UNIT a_seconds seconds\n", ""),
        ("counter", "info"),
        ("_total 1", " 1"),
        ("_total 1", "_total -1"),
        ("_total 1", "_total NaN"),
        ("_total 1", "_total{} 1"),
        ("y=\"\"", "x=\"\""),
        ("y=\"\"", "y=\"\"\""),
        ("\\\"", "\""),
        ("\\n", "\\t"),
        ("a_seconds_total 1\n", "a_seconds_total 1\na_seconds_total 1\n"),
        ("# EOF", "b 1\n# EOF"),
    ] {
        assert!(good.contains(from), "{from}");
        let bad = good.replace(from, to);
        assert!(Exposition::parse(&bad).is_err(), "{from:?} became {to:?}");
    }
}
