//! The recorded answer of the kubelet's `/metrics/cadvisor`: Prometheus text with a time stamp on each sample.

use std::collections::BTreeMap;

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Metric name, such as `container_cpu_usage_seconds_total`.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Value in the unit of the name.
    pub value: f64,
    /// When cAdvisor read the figure, milliseconds since the Unix epoch; it reads each cgroup in its own rhythm.
    pub time_unix_ms: Option<u64>,
}

impl Sample {
    /// A label, empty where it is not set.
    pub fn label(&self, key: &str) -> &str {
        self.labels.get(key).map_or("", String::as_str)
    }
}

/// Reads Prometheus text; comments and lines of another form are passed over.
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

/// Labels up to the closing brace, and what follows it.
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
