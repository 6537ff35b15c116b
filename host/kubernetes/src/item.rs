//! Reads one element of a list: strictly first, and field by field if that fails.

use serde::Deserialize;
use serde_json::Value;
use serde_path_to_error::Segment;

use crate::problem::{Cost, Problem, Problems, Subject};
use crate::stream::split::{Element, MAX_ELEMENT_BYTES};
use crate::text::{Object, Text, non_empty};

/// Largest number of values in a tree. A small object in a tree takes a hundred times the memory of its text.
const MAX_TREE_VALUES: usize = 64 * 1024;

/// Bytes of malformed elements that are walked for one list; each element is walked once for every field removed from it.
const REPAIR_BYTES: usize = 64 << 20;

/// At or below this remainder, a field is removed together with its siblings, not alone.
const NEARLY_SPENT_BYTES: usize = 16 << 20;

/// Smallest cost of walking an element.
const MIN_COST: usize = 256;

/// A bound on the time spent on one list, however much of it is malformed.
#[derive(Debug)]
pub(crate) struct RepairBudget {
    left: usize,
}

impl Default for RepairBudget {
    fn default() -> Self {
        Self { left: REPAIR_BYTES }
    }
}

impl RepairBudget {
    /// Subtracts the cost of walking `bytes` once; returns false if the remainder is too small.
    fn spend(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes.max(MIN_COST));
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    fn is_nearly_spent(&self) -> bool {
        self.left <= NEARLY_SPENT_BYTES
    }
}

/// An element of one of the kubelet's lists.
pub(crate) trait Item: Sized {
    /// The form of the element in the document. All its fields are optional, so that malformed ones can be removed.
    type Wire<'a>: Deserialize<'a>;
    /// Options of `build`.
    type Options;
    /// JSON pointer of the object that contains `namespace` and `name`.
    const NAMED_BY: &'static str;

    /// Builds the element from its wire form; called once per element. `None` means that it is lost, with the reason in
    /// `notes`.
    fn build(wire: Self::Wire<'_>, options: &Self::Options, notes: &mut Notes<'_>) -> Option<Self>;
}

/// A collector of the problems of one element.
pub(crate) struct Notes<'n> {
    pub(crate) subject: Subject,
    pub(crate) problems: &'n mut Problems,
}

impl Notes<'_> {
    /// Records that the field at `path` is left out.
    pub(crate) fn field(&mut self, path: String, message: impl std::fmt::Display) {
        self.problems.push(Problem::new(self.subject.clone(), path, message, Cost::Field));
    }

    /// Records that the whole element is left out.
    pub(crate) fn lost(&mut self, path: &str, message: impl std::fmt::Display) {
        self.problems.push(Problem::new(self.subject.clone(), path.to_owned(), message, Cost::Pod));
    }
}

/// Reads element `index` of a list.
///
/// A well-formed element is read in one pass that borrows from its text. Only an element with a field of a wrong type is
/// read into a tree, from which the offending fields are removed one by one, so that each is reported by its path and only
/// that field is lost.
pub(crate) fn read<T: Item>(
    index: usize,
    element: Element<'_>,
    options: &T::Options,
    repair_budget: &mut RepairBudget,
    problems: &mut Problems,
) -> Option<T> {
    let mut notes = Notes { subject: Subject::Index(index), problems };
    let Element::Whole(bytes) = element else {
        notes.lost("", format_args!("larger than {} MiB", MAX_ELEMENT_BYTES >> 20));
        return None;
    };
    // A byte that is not UTF-8 must not cost the whole pod: it becomes U+FFFD.
    let text = String::from_utf8_lossy(bytes);
    let malformed = match serde_json::from_str::<Object<T::Wire<'_>>>(&text) {
        Ok(wire) => return T::build(wire.0, options, &mut notes),
        Err(error) => error,
    };
    if max_values(&text) > MAX_TREE_VALUES {
        notes.lost("", format_args!("{malformed}; too many values to remove only the malformed field"));
        return None;
    }
    let mut tree: Value = match serde_json::from_str(&text) {
        Ok(tree) => tree,
        Err(error) => {
            notes.lost("", error);
            return None;
        }
    };
    if let Some(subject) = named(tree.pointer(T::NAMED_BY)) {
        notes.subject = subject;
    }
    loop {
        let error = match serde_path_to_error::deserialize::<_, Object<T::Wire<'_>>>(&tree) {
            Ok(wire) => return T::build(wire.0, options, &mut notes),
            Err(error) => error,
        };
        let path = error.path().clone();
        let mut path: Vec<&Segment> = path.iter().collect();
        if !repair_budget.spend(text.len()) {
            notes.lost(
                &format_path(&path),
                format_args!("{}; too much of the list is malformed", error.inner()),
            );
            return None;
        }
        if repair_budget.is_nearly_spent() {
            path.truncate(enclosing_length(&path));
        }
        let (path, is_removed) = (format_path(&path), remove(&mut tree, &path));
        if !is_removed {
            notes.lost(&path, error.into_inner());
            return None;
        }
        notes.field(path, error.into_inner());
    }
}

/// Returns an upper bound of the number of values in a JSON text.
fn max_values(text: &str) -> usize {
    let (mut values, mut in_string, mut is_escaped) = (1, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' | b',' if !in_string => values += 1,
            _ => {}
        }
    }
    values
}

/// Returns the length of the path to the list or the object of maps that contains a field, such as
/// `status.containerStatuses`.
fn enclosing_length(path: &[&Segment]) -> usize {
    let list = path.iter().position(|segment| matches!(segment, Segment::Seq { .. }));
    list.filter(|&at| at > 0).unwrap_or(path.len()).min(2)
}

fn named(object: Option<&Value>) -> Option<Subject> {
    let text = |key| object?.get(key)?.as_str().filter(|text| !text.is_empty());
    Some(Subject::Pod { namespace: text("namespace")?.to_owned(), name: text("name")?.to_owned() })
}

/// Returns the subject named by two texts of the wire form.
pub(crate) fn subject(namespace: &Option<Text<'_>>, name: &Option<Text<'_>>) -> Option<Subject> {
    Some(Subject::Pod { namespace: non_empty(namespace)?.to_owned(), name: non_empty(name)?.to_owned() })
}

/// Removes the value at `path` from its object, or replaces it by null in a list, so that the indexes of later elements
/// stay valid. Returns false if nothing was removed: the path is the element itself, or does not exist.
fn remove(tree: &mut Value, path: &[&Segment]) -> bool {
    let Some((last, above)) = path.split_last() else { return false };
    let mut at = tree;
    for segment in above {
        let below = match (*segment, at) {
            (Segment::Map { key }, Value::Object(object)) => object.get_mut(key),
            (Segment::Seq { index }, Value::Array(list)) => list.get_mut(*index),
            _ => None,
        };
        let Some(below) = below else { return false };
        at = below;
    }
    match (*last, at) {
        (Segment::Map { key }, Value::Object(object)) => object.remove(key).is_some(),
        (Segment::Seq { index }, Value::Array(list)) => list.get_mut(*index).map(Value::take).is_some(),
        _ => false,
    }
}

/// Formats a path such as `spec.containers[0].name`; keys with characters other than letters and digits are quoted in
/// brackets.
fn format_path(path: &[&Segment]) -> String {
    use std::fmt::Write as _;

    let mut text = String::new();
    for segment in path {
        // Writing into a String cannot fail.
        let _ = match segment {
            Segment::Seq { index } => write!(text, "[{index}]"),
            Segment::Map { key } if key.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                let dot = if text.is_empty() { "" } else { "." };
                write!(text, "{dot}{key}")
            }
            Segment::Map { key } => write!(text, "[{key:?}]"),
            Segment::Enum { .. } | Segment::Unknown => write!(text, "?"),
        };
    }
    text
}
