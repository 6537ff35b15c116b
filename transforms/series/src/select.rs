//! Selection of series by configuration, the same for all formatters.

use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::{Patterns, Settings};

/// Maximum number of patterns of one list.
const MAX_PATTERNS: usize = 256;
/// Maximum bytes of a pattern: that of a label's key with its prefix.
const MAX_PATTERN: usize = 320;

/// The part of a configuration that selects series. All lists have names or prefixes with a trailing `*`.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    include: Patterns,
    exclude: Patterns,
    namespaces: Patterns,
    labels: Patterns,
    published: Patterns,
    /// Pod labels become labels of points, with names that Prometheus accepts.
    pub(crate) labels_on_points: bool,
}

impl Selection {
    /// Reads `include`, `exclude`, `namespaces`, `labels` and `published`; problems are recorded in `settings`.
    pub fn read(settings: &mut Settings, labels_by_default: &[&str]) -> Self {
        let labels = match patterns(settings, "labels") {
            Some(labels) => labels,
            None => labels_by_default.iter().map(|label| String::from(*label)).collect(),
        };
        let mut list = |key| Patterns::new(patterns(settings, key).unwrap_or_default());
        Self {
            include: list("include"),
            exclude: list("exclude"),
            namespaces: list("namespaces"),
            labels: Patterns::new(labels),
            published: list("published"),
            labels_on_points: false,
        }
    }

    /// Makes pod labels part of each point: at most 64 with the others, with different names once characters are replaced as
    /// [`prometheus_labels`](crate::Point::prometheus_labels) does.
    pub fn with_labels_on_points(self) -> Self {
        Self { labels_on_points: true, ..self }
    }

    /// Returns true if the family of that name is selected: included, or nothing is, and not excluded.
    pub fn has_family(&self, name: &str) -> bool {
        (self.include.is_empty() || self.include.has(name)) && !self.exclude.has(name)
    }

    pub(crate) fn has_namespace(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.has(namespace)
    }

    pub(crate) fn has_label(&self, key: &str) -> bool {
        self.labels.has(key)
    }

    pub(crate) fn has_published(&self, name: &str) -> bool {
        self.published.has(name) && self.has_family(name)
    }

    pub(crate) fn wants_labels(&self) -> bool {
        !self.labels.is_empty()
    }

    pub(crate) fn wants_published(&self) -> bool {
        !self.published.is_empty()
    }
}

fn patterns(settings: &mut Settings, key: &str) -> Option<Vec<String>> {
    let patterns = settings.strings(key)?;
    if patterns.len() > MAX_PATTERNS {
        settings.problem(key, "expected at most 256 patterns");
        return None;
    }
    for pattern in &patterns {
        let name = pattern.strip_suffix('*').unwrap_or(pattern);
        if pattern.is_empty() || pattern.len() > MAX_PATTERN || name.contains('*') {
            let message = "expected a name or a prefix with one trailing `*`, of 1 to 320 bytes, found ";
            let mut end = pattern.len().min(100);
            while !pattern.is_char_boundary(end) {
                end -= 1;
            }
            settings.problem(key, [message, "`", &pattern[..end], "`"].concat());
        }
    }
    Some(patterns)
}
