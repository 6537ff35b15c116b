//! Name patterns in a configuration.

use alloc::string::String;
use alloc::vec::Vec;

/// A list of names; a trailing `*` matches any suffix.
///
/// ```
/// # use insights_sdk::Patterns;
/// let dropped = Patterns::new(vec!["pod_status_*".into(), "pod_ip".into()]);
/// assert!(dropped.has("pod_status_running") && !dropped.has("pod_ip6"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// Creates the list from patterns, such as those that [`Settings::strings`](crate::Settings::strings) returns.
    pub fn new(patterns: Vec<String>) -> Self {
        Self(patterns)
    }

    /// Returns true if a pattern of the list matches `name`.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| Self::matches(pattern, name))
    }

    /// Returns true if the list has no patterns.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if `pattern` matches `name`.
    pub fn matches(pattern: &str, name: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        }
    }
}
