//! Parser of a recorded response of the kubelet's `/metrics/cadvisor`: Prometheus text with a timestamp on each sample.

use std::collections::BTreeMap;

/// A sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Metric name, such as `container_cpu_usage_seconds_total`.
    pub name: String,
    /// Labels by name.
    pub labels: BTreeMap<String, String>,
    /// Value in the unit of the name.
    pub value: f64,
    /// Time at which cAdvisor read the value, in milliseconds since the Unix epoch; cAdvisor reads each cgroup at its own
    /// intervals.
    pub time_unix_ms: Option<u64>,
}

impl Sample {
    /// Returns a label, empty if it is missing.
    pub fn label(&self, key: &str) -> &str {
        self.labels.get(key).map_or("", String::as_str)
    }
}

/// Parses Prometheus text; skips comments and malformed lines.
pub fn parse(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let (name, labels, rest) = match line.find('{') {
        Some(open) => {
            let (labels, rest) = labels(&line[open + 1..])?;
            (&line[..open], labels, rest)
        }
        None => {
            let space = line.find(' ')?;
            (&line[..space], BTreeMap::new(), &line[space..])
        }
    };
    let mut words = rest.split_whitespace();
    let value = words.next()?.parse().ok()?;
    let time_unix_ms = words.next().and_then(|word| word.parse().ok());
    Some(Sample { name: name.to_owned(), labels, value, time_unix_ms })
}

/// Parses labels up to the closing brace; returns them with the remaining text.
fn labels(mut text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        text = text.trim_start_matches(',');
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (key, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (at, '"') => break at,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(key.to_owned(), value);
        text = &rest[end + 1..];
    }
}

/// Returns the container id at the end of a cgroup's path: 64 hexadecimal digits.
pub fn container_id(cgroup: &str) -> Option<&str> {
    let last = cgroup.rsplit('/').next()?.trim_end_matches(".scope");
    let id = last.rsplit('-').next()?;
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_with_escapes_and_time() {
        let found = parse("# HELP a b\na{x=\"1\",y=\"q\\\"{}\\n\"} 2.5 1700000000000\nb 1\n");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].label("y"), "q\"{}\n");
        assert_eq!((found[0].value, found[0].time_unix_ms), (2.5, Some(1_700_000_000_000)));
        assert_eq!((found[1].name.as_str(), found[1].time_unix_ms), ("b", None));
    }
}
