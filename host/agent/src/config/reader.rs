//! Reading of a tree key by key that collects every problem instead of stopping at the first.

use std::cell::{Cell, RefCell};

use insightd_pipeline::suggest::{closest, did_you_mean};
use insightd_pipeline::{MAX_PROBLEMS, Problem};
use insightd_yaml::{Data, Entry, Node, Position};

use super::hidden::Hidden;
use super::report::{Report, shortened};

/// Problems and warnings of the file so far.
#[derive(Default)]
pub(super) struct Problems {
    found: RefCell<Vec<Problem>>,
    /// Number of problems beyond those that are stored.
    more: Cell<usize>,
    /// Warnings about settings that are valid but probably not intended.
    warnings: RefCell<Vec<Problem>>,
    /// Keys that were requested and are not in the file, for the test of the example.
    absent: RefCell<Vec<String>>,
    /// Values of environment variables, which no message shows.
    pub(super) hidden: Hidden,
}

impl Problems {
    pub(super) fn add(&self, at: Option<Position>, path: impl Into<String>, message: impl Into<String>) {
        if !self.is_full() {
            let problem = Problem { at, path: path.into(), message: self.hidden.filter(at, message.into()) };
            self.found.borrow_mut().push(shortened(problem));
        }
    }

    /// Returns true once no more problems are stored, and counts this one.
    fn is_full(&self) -> bool {
        let is_full = self.found.borrow().len() >= MAX_PROBLEMS;
        if is_full {
            self.more.set(self.more.get() + 1);
        }
        is_full
    }

    /// Adds a warning about a setting that is valid but probably not intended.
    pub(super) fn warn(&self, at: Option<Position>, path: impl Into<String>, message: impl Into<String>) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < MAX_PROBLEMS {
            let warning = Problem { at, path: path.into(), message: self.hidden.filter(at, message.into()) };
            warnings.push(shortened(warning));
        }
    }

    pub(super) fn take_warnings(&self) -> Vec<Problem> {
        let mut warnings = self.warnings.take();
        warnings.sort_by_key(|warning| warning.at);
        warnings
    }

    pub(super) fn absent(&self) -> Vec<String> {
        self.absent.borrow().clone()
    }

    /// Returns the report, in the order of the file; `None` if there are no problems.
    pub(super) fn into_report(self, file: Option<&str>) -> Option<Report> {
        let problems = self.found.into_inner();
        let more = self.more.get();
        (!problems.is_empty()).then(|| Report { more, ..Report::new(file.map(String::from), problems) })
    }
}

/// A mapping of the file, or an empty one instead of an absent mapping. Call [`Section::finish`] after all keys were
/// requested: it reports the other keys as unknown.
pub(super) struct Section<'a> {
    entries: &'a [Entry],
    at: Option<Position>,
    path: String,
    requested: RefCell<Vec<&'static str>>,
    problems: &'a Problems,
}

/// A value and the path of keys to it.
pub(super) struct Item<'a> {
    pub(super) node: &'a Node,
    pub(super) at: Position,
    pub(super) path: String,
    pub(super) problems: &'a Problems,
}

impl<'a> Section<'a> {
    /// Returns the whole document.
    pub(super) fn root(node: Option<&'a Node>, problems: &'a Problems) -> Self {
        let absent =
            Self { entries: &[], at: None, path: String::new(), requested: RefCell::default(), problems };
        node.map_or(absent, |node| Item { node, at: node.at, path: String::new(), problems }.section())
    }

    /// Returns the value of a key. A key without a value (or with `~`) counts as absent.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        if !self.requested.borrow().contains(&key) {
            self.requested.borrow_mut().push(key);
        }
        let path = join(&self.path, key);
        let Some(entry) = self.entries.iter().find(|entry| entry.key == key) else {
            self.problems.absent.borrow_mut().push(path);
            return None;
        };
        let item = Item { node: &entry.value, at: entry.at, path, problems: self.problems };
        (!entry.value.is_null()).then_some(item)
    }

    /// Returns a scalar parsed by `parse`, whose error becomes a problem of the key.
    pub(super) fn value<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.get(key)?.value(parse)
    }

    /// Returns a text that is not empty.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.value(key, non_empty)
    }

    /// Returns a list of texts that are not empty.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        Some(self.list(key)?.iter().filter_map(|item| item.value(non_empty)).collect())
    }

    /// Returns a mapping below this one; an empty one if it is absent.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        match self.get(key) {
            Some(item) => item.section(),
            None => Section {
                entries: &[],
                at: self.at,
                path: join(&self.path, key),
                requested: RefCell::default(),
                problems: self.problems,
            },
        }
    }

    /// Returns the elements of a list.
    pub(super) fn list(&self, key: &'static str) -> Option<Vec<Item<'a>>> {
        let item = self.get(key)?;
        let Data::Sequence(nodes) = &item.node.data else {
            item.problem(format!("expected a list, found {}", item.node.kind()));
            return None;
        };
        let element = |(index, node): (usize, &'a Node)| Item {
            node,
            at: node.at,
            path: format!("{}[{index}]", item.path),
            problems: item.problems,
        };
        Some(nodes.iter().enumerate().map(element).collect())
    }

    /// Returns the elements of a list, at most `most`; more are a problem.
    pub(super) fn list_of(&self, key: &'static str, most: usize) -> Option<Vec<Item<'a>>> {
        let mut list = self.list(key)?;
        self.bound(key, list.len(), most);
        list.truncate(most);
        Some(list)
    }

    /// Returns the entries of a mapping with user-defined keys, at most `most`; more are a problem.
    pub(super) fn named_of(&self, key: &'static str, most: usize) -> Option<Vec<(&'a str, Item<'a>)>> {
        let mut named = self.named(key)?;
        self.bound(key, named.len(), most);
        named.truncate(most);
        Some(named)
    }

    fn bound(&self, key: &'static str, count: usize, most: usize) {
        if count > most {
            self.problem(key, format!("has {count} entries; at most {most} are allowed"));
        }
    }

    /// Returns the entries of a mapping with user-defined keys.
    fn named(&self, key: &'static str) -> Option<Vec<(&'a str, Item<'a>)>> {
        let item = self.get(key)?;
        let Data::Mapping(entries) = &item.node.data else {
            item.problem(format!("expected a mapping, found {}", item.node.kind()));
            return None;
        };
        let named = |entry: &'a Entry| {
            let path = join(&item.path, &entry.key);
            (entry.key.as_str(), Item { node: &entry.value, at: entry.at, path, problems: item.problems })
        };
        Some(entries.iter().map(named).collect())
    }

    /// Returns the position of the mapping.
    pub(super) fn at(&self) -> Option<Position> {
        self.at
    }

    /// Adds a problem with a key of this mapping, or with its absence.
    pub(super) fn problem(&self, key: &str, message: impl Into<String>) {
        self.problems.add(self.position(key), join(&self.path, key), message);
    }

    /// Adds a warning about a key of this mapping.
    pub(super) fn warn(&self, key: &str, message: impl Into<String>) {
        self.problems.warn(self.position(key), join(&self.path, key), message);
    }

    fn position(&self, key: &str) -> Option<Position> {
        let at = self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.value.at);
        at.or(self.at)
    }

    /// Reports every key that was not requested.
    pub(super) fn finish(&self) {
        let requested = self.requested.borrow();
        for entry in self.entries.iter().filter(|entry| !requested.contains(&entry.key.as_str())) {
            if self.problems.is_full() {
                continue;
            }
            let meant = did_you_mean(&entry.key, requested.iter().copied());
            let message = format!("unknown key; {meant}known here: {}", requested.join(", "));
            self.problems.add(Some(entry.at), join(&self.path, &entry.key), message);
        }
    }
}

impl<'a> Item<'a> {
    /// Returns the scalar parsed by `parse`, whose error becomes a problem of this value.
    pub(super) fn value<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let Data::Scalar { text, .. } = &self.node.data else {
            self.problem(format!("expected one value, found {}", self.node.kind()));
            return None;
        };
        parse(text).map_err(|message| self.problem(message)).ok()
    }

    /// Returns the mapping; any other value is a problem and reads as an empty mapping.
    pub(super) fn section(&self) -> Section<'a> {
        let entries = match &self.node.data {
            Data::Mapping(entries) => entries.as_slice(),
            _ => {
                self.problem(format!("expected a mapping, found {}", self.node.kind()));
                &[]
            }
        };
        let (path, problems) = (self.path.clone(), self.problems);
        Section { entries, at: Some(self.at), path, requested: RefCell::default(), problems }
    }

    /// Adds a problem with this value.
    pub(super) fn problem(&self, message: impl Into<String>) {
        self.problems.add(Some(self.node.at), self.path.clone(), message);
    }
}

/// Parses `true` or `false`.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("expected true or false, found `{text}`")),
    }
}

/// Parses a whole number.
pub(super) fn integer(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("expected a whole number, found `{text}`"))
}

/// Returns the text unless it is empty.
pub(super) fn non_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".into()) } else { Ok(text.into()) }
}

/// Returns a parser of one of a few names, which suggests the closest word for others.
pub(super) fn one_of<T: Copy>(names: &[(&str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let found = names.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let known: Vec<&str> = names.iter().map(|(word, _)| *word).collect();
            let meant = closest(text, known.iter().copied());
            let meant = meant.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
            format!("expected one of {}, found `{text}`{meant}", known.join(", "))
        })
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}
