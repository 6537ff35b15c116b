//! Include and exclude lists of name patterns.

use insights_sdk::prelude::*;

/// Most patterns of a list.
const MAX_PATTERNS: usize = 256;
/// Longest pattern, bytes.
const MAX_PATTERN_BYTES: usize = 256;

/// A selection of names: those that `include` matches, or all if it is empty, without those that `exclude` matches.
#[derive(Debug)]
pub(crate) struct Rule {
    include: Patterns,
    exclude: Patterns,
}

impl Rule {
    /// Reads `include` and `exclude`; problems are recorded in `settings`.
    pub(crate) fn read(settings: &mut Settings) -> Self {
        Self { include: patterns(settings, "include"), exclude: patterns(settings, "exclude") }
    }

    /// Returns true if the name is passed on.
    pub(crate) fn passes(&self, name: &str) -> bool {
        (self.include.is_empty() || self.include.has(name)) && !self.exclude.has(name)
    }
}

/// Results of a test for the names of a batch: each name is tested once.
#[derive(Debug)]
pub(crate) struct Tested<F> {
    test: F,
    known: Vec<(Name, bool)>,
}

impl<F: FnMut(Name) -> bool> Tested<F> {
    pub(crate) fn new(test: F) -> Self {
        Self { test, known: Vec::new() }
    }

    pub(crate) fn passes(&mut self, name: Name) -> bool {
        match self.known.binary_search_by_key(&name, |&(known, _)| known) {
            Ok(at) => self.known[at].1,
            Err(at) => {
                let passes = (self.test)(name);
                self.known.insert(at, (name, passes));
                passes
            }
        }
    }

    /// Returns the names that failed the test.
    pub(crate) fn failed(self) -> impl Iterator<Item = Name> {
        self.known.into_iter().filter(|&(_, passes)| !passes).map(|(name, _)| name)
    }
}

fn patterns(settings: &mut Settings, key: &str) -> Patterns {
    let mut patterns = settings.strings(key).unwrap_or_default();
    if patterns.len() > MAX_PATTERNS {
        let (most, found) = (count_text(MAX_PATTERNS), count_text(patterns.len()));
        settings.problem(key, ["expected at most ", &most, " patterns, found ", &found].concat());
        patterns.truncate(MAX_PATTERNS);
    }
    for (at, pattern) in patterns.iter().enumerate() {
        if let Err(reason) = check(pattern) {
            settings.problem(&[key, "[", &count_text(at), "]"].concat(), reason);
        }
    }
    Patterns::new(patterns)
}

fn check(pattern: &str) -> Result<(), String> {
    if pattern.is_empty() {
        return Err("expected a name, a prefix followed by *, or *; found an empty string".into());
    }
    if pattern.len() > MAX_PATTERN_BYTES {
        let (most, found) = (count_text(MAX_PATTERN_BYTES), count_text(pattern.len()));
        return Err(["expected at most ", &most, " bytes, found ", &found].concat());
    }
    match pattern.strip_suffix('*').unwrap_or(pattern).contains('*') {
        true => {
            Err(["invalid pattern `", pattern, "`: expected * only at the end, as in `prefix*`"].concat())
        }
        false => Ok(()),
    }
}

fn count_text(count: usize) -> String {
    json::integer_text(count as u64)
}
