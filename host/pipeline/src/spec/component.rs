//! A component as a configuration names it, and its own configuration.

use insightd_yaml::{Data, Entry, Node, Position};

use crate::sha256::Sha256;

/// A component and its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentSpec {
    /// Source of the component.
    pub origin: Origin,
    /// Name at that source.
    pub name: String,
    /// The only accepted content, if pinned.
    pub sha256: Option<Sha256>,
    /// Its own configuration.
    pub config: ComponentConfig,
    /// Keys of its configuration whose texts are separate files.
    pub texts: Vec<TextFile>,
    /// Most state for each scope, bytes of keys and values; no state if absent.
    pub state_bytes: Option<u64>,
    /// Path of the key in the configuration file, for messages.
    pub path: String,
}

/// Source of a component. One never silently replaces the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Embedded in the agent: `builtin:NAME`.
    Builtin,
    /// `NAME.wasm` in `transforms_dir`: `file:NAME`.
    File,
}

/// The configuration of a component: JSON for the component, and positions for messages.
#[derive(Clone, Debug)]
pub struct ComponentConfig {
    /// JSON text; `{}` if the file has none.
    pub text: String,
    /// Position at which the file names the component.
    pub at: Option<Position>,
    /// The mapping in the file; `None` if the file has none.
    pub node: Option<Node>,
}

/// A key of a component's configuration whose text is a file in `transforms_dir`, such as a program.
#[derive(Clone, Debug, PartialEq)]
pub struct TextFile {
    /// The key in the component's configuration.
    pub key: String,
    /// Name of the file in `transforms_dir`.
    pub name: String,
    /// Position at which the configuration names the file.
    pub at: Position,
    /// Path of the key that names the file, for messages.
    pub path: String,
}

impl PartialEq for ComponentConfig {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Default for ComponentConfig {
    fn default() -> Self {
        Self { text: "{}".into(), at: None, node: None }
    }
}

impl ComponentConfig {
    /// Returns the position of a key of the component's configuration, such as `metric_declarations[2].dimensions`, or
    /// of its nearest parent in the file.
    pub fn position(&self, key: &str) -> Option<Position> {
        self.node.as_ref().map(|node| node.nearest(key)).or(self.at)
    }

    /// Returns the position in the file of a line and a column, both from 1, of the text under a key; `None` unless
    /// that text is a block scalar (`|`) of the file.
    pub fn within(&self, key: &str, line: usize, column: usize) -> Option<Position> {
        self.node.as_ref()?.within(key, line, column)
    }

    /// Sets a key that is in no file.
    pub fn set(&mut self, key: &str, value: serde_json::Value) {
        let mut keys: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&self.text).unwrap_or_default();
        keys.insert(key.into(), value);
        self.text = serde_json::Value::Object(keys).to_string();
    }

    /// Creates a configuration of texts from separate files, such as a program. Positions are lines and columns of that file.
    pub fn from_texts(texts: &[(&str, &str)]) -> Self {
        let at = Position { line: 1, column: 1 };
        let entries = texts.iter().map(|(key, text)| {
            let data = Data::Scalar { text: (*text).into(), plain: false };
            Entry { key: (*key).into(), at, value: Node { at, block: Some(at), data } }
        });
        let node = Node { at, block: None, data: Data::Mapping(entries.collect()) };
        Self { text: node.to_json().to_string(), at: Some(at), node: Some(node) }
    }
}

impl std::fmt::Display for ComponentSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = match self.origin {
            Origin::Builtin => "builtin",
            Origin::File => "file",
        };
        write!(f, "{origin}:{}", self.name)
    }
}

impl ComponentSpec {
    /// Returns the built-in of that name without a configuration; `path` is for messages.
    pub fn builtin(name: &str, path: String) -> Self {
        Self {
            origin: Origin::Builtin,
            name: name.into(),
            sha256: None,
            config: ComponentConfig::default(),
            texts: Vec::new(),
            state_bytes: None,
            path,
        }
    }
}
