//! A YAML document as a tree in which every node has its line and column.
//!
//! Deserialising with serde stops at the first error; with the tree, the caller can report all of them. Scalars keep their
//! text, so that `16MiB`, `60s` and a hash of digits reach their own parsers unchanged.

mod hint;
mod load;

use std::fmt;

use saphyr_parser::Marker;

pub use hint::hint;
pub use load::parse;

/// Position in the file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl From<Marker> for Position {
    fn from(marker: Marker) -> Self {
        Self { line: marker.line(), column: marker.col() + 1 }
    }
}

/// A value and its position.
#[derive(Clone, Debug)]
pub struct Node {
    /// Start of the value.
    pub at: Position,
    /// Start of the text of a block (`|`) without an anchor: its first line, after the indentation.
    pub block: Option<Position>,
    /// The value.
    pub data: Data,
}

/// Content of a node.
#[derive(Clone, Debug)]
pub enum Data {
    /// Text of a scalar, with quotes and escapes decoded. Only a `plain` one, written without quotes, can be a number, a
    /// boolean or null.
    Scalar {
        /// The decoded text.
        text: String,
        /// `true` if written without quotes.
        plain: bool,
    },
    /// `- a` or `[a]`.
    Sequence(Vec<Node>),
    /// `key: value` in the order of the file; keys are distinct.
    Mapping(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Start of the key.
    pub at: Position,
    /// Value of the key.
    pub value: Node,
}

/// The text is not YAML, or uses a feature that configurations do not support.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Position of the error.
    pub at: Position,
    /// Error text.
    pub message: String,
}

impl Node {
    /// Returns the kind of the value for error text, such as `a mapping`.
    pub fn kind(&self) -> &'static str {
        match &self.data {
            Data::Mapping(_) => "a mapping",
            Data::Sequence(_) => "a list",
            Data::Scalar { text, plain: true } => match plain(text) {
                Plain::Null => "nothing",
                Plain::Flag(_) => "true or false",
                Plain::Integer | Plain::Float => "a number",
                Plain::Text => "text",
            },
            Data::Scalar { .. } => "text",
        }
    }

    /// Returns true for `key:` without a value, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, plain: true } if matches!(plain(text), Plain::Null))
    }

    /// Converts the value to JSON.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.data {
            Data::Mapping(entries) => {
                Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect())
            }
            Data::Sequence(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Data::Scalar { text, plain: false } => Value::String(text.clone()),
            Data::Scalar { text, plain: true } => match plain(text) {
                Plain::Null => Value::Null,
                Plain::Flag(flag) => Value::Bool(flag),
                // A number that JSON does not accept (`+1`, `.5`, `0x10`) stays text: the component then reports the type that it
                // expected.
                Plain::Integer | Plain::Float => {
                    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()))
                }
                Plain::Text => Value::String(text.clone()),
            },
        }
    }

    /// Returns the position of the node at a path such as `metric_declarations[2].dimensions`, or of the nearest existing
    /// ancestor: for error text, that is better than no position.
    pub fn nearest(&self, path: &str) -> Position {
        self.find(path).0
    }

    /// Converts a line and column within a block text, both from 1, to the position in the file. Returns `None` if the text is
    /// not a block (`|`), or there is no node at the path.
    pub fn within(&self, path: &str, line: usize, column: usize) -> Option<Position> {
        let block = self.find(path).1?.block?;
        Some(Position {
            line: block.line.saturating_add(line).saturating_sub(1),
            column: block.column.saturating_add(column).saturating_sub(1),
        })
    }

    /// Returns the position of the nearest node at a path, and the node itself if the whole path exists.
    fn find(&self, path: &str) -> (Position, Option<&Self>) {
        let mut node = self;
        let mut at = self.at;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match &node.data {
                Data::Mapping(entries) => {
                    entries.iter().find(|entry| entry.key == step).map(|entry| (entry.at, &entry.value))
                }
                Data::Sequence(items) => step
                    .strip_suffix(']')
                    .and_then(|index| index.parse::<usize>().ok())
                    .and_then(|index| items.get(index))
                    .map(|item| (item.at, item)),
                Data::Scalar { .. } => None,
            };
            let Some((found, value)) = next else { return (at, None) };
            (at, node) = (found, value);
        }
        (at, Some(node))
    }
}

enum Plain {
    Null,
    Flag(bool),
    Integer,
    Float,
    Text,
}

/// Classifies a plain scalar by the core schema of YAML 1.2: `yes`, `no`, `on`, `off` are text.
fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Flag(true),
        "false" | "False" | "FALSE" => Plain::Flag(false),
        _ => {
            let first = text.bytes().next().unwrap_or(b' ');
            if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
                Plain::Text
            } else if text.parse::<i128>().is_ok() {
                Plain::Integer
            } else if text.parse::<f64>().is_ok_and(f64::is_finite) {
                Plain::Float
            } else {
                Plain::Text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_its_position() {
        let root = parse("# first\ninterval: 60s\nlist:\n  - a: 1\n    bé: [x, 'y']\n").unwrap().unwrap();
        assert_eq!(root.nearest("interval"), Position { line: 2, column: 1 });
        assert_eq!(root.nearest("list[0].bé"), Position { line: 5, column: 5 });
        assert_eq!(root.nearest("list[0].bé[1]"), Position { line: 5, column: 13 });
        assert_eq!(
            root.nearest("list[7].nothing"),
            Position { line: 3, column: 1 },
            "the nearest that exists"
        );
    }

    #[test]
    fn lines_of_a_block_are_lines_of_the_file() {
        let text = "a:\n  - b: |\n      one\n        two\n    c: |-\n\n      (blank above)\n    d: >\n      folded\n    \
                    e: &x |\n      anchored\n    f: *x\n    g: plain\n";
        let root = parse(text).unwrap().unwrap();
        let place = |path: &str, line, column| root.within(path, line, column).map(|at| (at.line, at.column));
        assert_eq!(place("a[0].b", 1, 1), Some((3, 7)));
        assert_eq!(place("a[0].b", 2, 3), Some((4, 9)));
        assert_eq!(place("a[0].c", 2, 2), Some((7, 8)));
        assert_eq!(place("a[0].d", 1, 1), None, "folded lines are no lines of the text");
        assert_eq!(place("a[0].e", 1, 1), None, "the parser does not tell where it begins");
        assert_eq!(place("a[0].f", 1, 1), None);
        assert_eq!(place("a[0].g", 1, 1), None);
        assert_eq!(place("a[0].nothing", 1, 1), None);
    }

    #[test]
    fn scalars_are_converted_by_the_core_schema() {
        let text =
            "{a: 1, b: -2.5, c: true, d: ~, e: yes, f: '1', g: 1e3, h: 12ab, i: , j: .inf, k: \"x\\ny\"}";
        let json = parse(text).unwrap().unwrap().to_json();
        let expected = serde_json::json!({
            "a": 1, "b": -2.5, "c": true, "d": null, "e": "yes", "f": "1", "g": 1e3, "h": "12ab", "i": null,
            "j": ".inf", "k": "x\ny"
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn comments_alone_are_an_empty_configuration() {
        assert!(parse("# nothing\n").unwrap().is_none());
        assert!(parse("").unwrap().is_none());
    }

    #[test]
    fn unsupported_features_are_refused_with_their_position() {
        for (text, line, part) in [
            ("a: 1\nb: 2\na: 3\n", 3, "duplicate key `a`, first defined in line 1"),
            ("a: 1\n---\nb: 2\n", 3, "a second document"),
            ("a: !!str 1\n", 1, "no tags"),
            ("a:\n  ? [x]\n  : 1\n", 2, "a key must be text"),
            ("a: [1, 2\nb: 3\n", 2, ""),
            ("a: *nobody\n", 1, ""),
            ("a: &x [*x]\n", 1, "recursive alias"),
            ("b: 1\na: 1\nb: 2\na: 3\n", 3, "duplicate key `b`, first defined in line 1"),
        ] {
            let e = parse(text).expect_err(text);
            assert_eq!(e.at.line, line, "{text:?}: {e}");
            assert!(e.message.contains(part), "{text:?}: {e}");
        }
    }

    #[test]
    fn anchors_are_expanded_within_a_bound() {
        let json = parse("a: &x {b: 1}\nc: *x\n").unwrap().unwrap().to_json();
        assert_eq!(json, serde_json::json!({"a": {"b": 1}, "c": {"b": 1}}));

        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let row = vec![format!("*a{}", level - 1); 8].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{row}]\n"));
        }
        assert!(parse(&text).is_err());
        assert!(parse(&"[".repeat(5000)).is_err());
    }
}
