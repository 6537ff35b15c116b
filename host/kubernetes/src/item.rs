//! One element of a list: strictly first, and where that fails, field by field.

use serde::Deserialize;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::problem::{Cost, Problem, Problems, Subject};
use crate::text::{Object, Text, filled};

/// Fields that one pod may lose before it is lost itself.
const REPAIRS: usize = 16;

/// An element of one of the kubelet's lists.
pub(crate) trait Item: Sized {
    /// How it stands in the document. All fields optional: what is broken can then be taken out.
    type Wire<'a>: Deserialize<'a>;
    /// What building it depends on.
    type Options;
    /// JSON pointer of the object that holds `namespace` and `name`.
    const NAMED_BY: &'static str;

    /// From the wire form; called once for each element. `None`: the element is lost, and `notes` says why.
    fn build(wire: Self::Wire<'_>, options: &Self::Options, notes: &mut Notes<'_>) -> Option<Self>;
}

/// Takes problems of one element.
pub(crate) struct Notes<'n> {
    pub(crate) subject: Subject,
    pub(crate) problems: &'n mut Problems,
}

impl Notes<'_> {
    /// Something at `path` does not count.
    pub(crate) fn field(&mut self, path: String, message: impl std::fmt::Display) {
        self.problems.push(Problem::new(self.subject.clone(), path, message, Cost::Field));
    }

    /// The whole element does not count.
    pub(crate) fn lost(&mut self, path: &str, message: impl std::fmt::Display) {
        self.problems.push(Problem::new(self.subject.clone(), path.to_owned(), message, Cost::Pod));
    }
}

/// Reads element `index`, whose text is `raw`.
///
/// A well-formed one is read in one pass that borrows from `raw`. Only one that has a field of a wrong type is read into a
/// tree, from which the offending fields are removed one by one, so that each is known by its path.
pub(crate) fn read<T: Item>(
    index: usize,
    raw: &str,
    options: &T::Options,
    problems: &mut Problems,
) -> Option<T> {
    let mut notes = Notes { subject: Subject::Index(index), problems };
    if let Ok(wire) = serde_json::from_str::<Object<T::Wire<'_>>>(raw) {
        return T::build(wire.0, options, &mut notes);
    }
    let mut tree: Value = match serde_json::from_str(raw) {
        Ok(tree) => tree,
        Err(error) => {
            notes.lost("", error);
            return None;
        }
    };
    if let Some(subject) = named(tree.pointer(T::NAMED_BY)) {
        notes.subject = subject;
    }
    for _ in 0..REPAIRS {
        let error = match serde_path_to_error::deserialize::<_, Object<T::Wire<'_>>>(&tree) {
            Ok(wire) => return T::build(wire.0, options, &mut notes),
            Err(error) => error,
        };
        let path = written(error.path());
        let removed = error.path().clone();
        let error = error.into_inner();
        if !remove(&mut tree, &removed) {
            notes.lost(&path, error);
            return None;
        }
        notes.field(path, error);
    }
    notes.lost("", format_args!("more than {REPAIRS} fields are malformed"));
    None
}

fn named(object: Option<&Value>) -> Option<Subject> {
    let text = |key| object?.get(key)?.as_str().filter(|text| !text.is_empty());
    Some(Subject::Pod { namespace: text("namespace")?.to_owned(), name: text("name")?.to_owned() })
}

/// The subject that two texts of the wire form make.
pub(crate) fn subject(namespace: &Option<Text<'_>>, name: &Option<Text<'_>>) -> Option<Subject> {
    Some(Subject::Pod { namespace: filled(namespace)?.to_owned(), name: filled(name)?.to_owned() })
}

/// Takes what stands at `path` out of its object, or puts null in its place in a list, where it keeps the later ones'
/// indices true. False when there is nothing to take: the path is the element itself, or leads nowhere.
fn remove(tree: &mut Value, path: &Path) -> bool {
    let mut segments = path.iter();
    let Some(last) = segments.next_back() else { return false };
    let mut at = tree;
    for segment in segments {
        let below = match (segment, at) {
            (Segment::Map { key }, Value::Object(object)) => object.get_mut(key),
            (Segment::Seq { index }, Value::Array(list)) => list.get_mut(*index),
            _ => None,
        };
        let Some(below) = below else { return false };
        at = below;
    }
    match (last, at) {
        (Segment::Map { key }, Value::Object(object)) => object.remove(key).is_some(),
        (Segment::Seq { index }, Value::Array(list)) => list.get_mut(*index).map(Value::take).is_some(),
        _ => false,
    }
}

/// `spec.containers[0].name`, with keys that hold other characters than a field name's in brackets and quotes.
fn written(path: &Path) -> String {
    use std::fmt::Write as _;

    let mut text = String::new();
    for segment in path {
        // Writing into a String does not fail.
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
