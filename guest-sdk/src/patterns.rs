//! Names in a configuration, the ends of which may be left open.

use alloc::string::String;
use alloc::vec::Vec;

/// A list of names; a trailing `*` stands for any rest.
///
/// ```
/// # use insights_sdk::Patterns;
/// let dropped = Patterns::new(vec!["pod_status_*".into(), "pod_ip".into()]);
/// assert!(dropped.has("pod_status_running") && !dropped.has("pod_ip6"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// The names of a list, such as [`Settings::strings`](crate::Settings::strings) gives.
    pub fn new(patterns: Vec<String>) -> Self {
        Self(patterns)
    }

    /// Whether the list has `name`, or a beginning of it with a `*`.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| Self::matches(pattern, name))
    }

    /// Whether there is no name at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one pattern stands for `name`.
    pub fn matches(pattern: &str, name: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        }
    }
}
