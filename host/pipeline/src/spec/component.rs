//! A component as a configuration names it, and its own configuration.

use super::reader::{Item, Section};
use super::values::{self, Sha256};
use insightd_yaml::{Data, Entry, Node, Position};

/// Most keys of a component's configuration that may come from files.
const MAX_TEXTS: usize = 16;

/// A component and its configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Source of the component.
    pub origin: Origin,
    /// Name at that source.
    pub name: String,
    /// The only accepted content, if pinned.
    pub sha256: Option<Sha256>,
    /// Its own configuration.
    pub settings: Settings,
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
pub struct Settings {
    /// JSON text; `{}` if the file has none.
    pub text: String,
    /// Position at which the file names the component.
    pub at: Option<Position>,
    node: Option<Node>,
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

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { text: "{}".into(), at: None, node: None }
    }
}

impl Settings {
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
    pub fn of_files(texts: &[(&str, &str)]) -> Self {
        let at = Position { line: 1, column: 1 };
        let entries = texts.iter().map(|(key, text)| {
            let data = Data::Scalar { text: (*text).into(), plain: false };
            Entry { key: (*key).into(), at, value: Node { at, block: Some(at), data } }
        });
        let node = Node { at, block: None, data: Data::Mapping(entries.collect()) };
        Self { text: node.to_json().to_string(), at: Some(at), node: Some(node) }
    }
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = match self.origin {
            Origin::Builtin => "builtin",
            Origin::File => "file",
        };
        write!(f, "{origin}:{}", self.name)
    }
}

impl Component {
    /// Returns the built-in of that name without a configuration; `path` is for messages.
    pub fn builtin(name: &str, path: String) -> Self {
        Self {
            origin: Origin::Builtin,
            name: name.into(),
            sha256: None,
            settings: Settings::default(),
            texts: Vec::new(),
            state_bytes: None,
            path,
        }
    }
}

/// Most state of one component for a scope, bytes: half of the state of all components.
const MAX_STATE_BYTES: u64 = crate::states::MAX_BYTES / 2;

/// Reads the keys that describe a component.
pub(super) fn read(section: &Section<'_>, path: &str) -> Option<Component> {
    let named = section.value("use", component_name);
    if named.is_none() && section.get("use").is_none() {
        section.problem("use", "required: builtin:NAME or file:NAME");
    }
    let sha256 = section.value("sha256", Sha256::parse);
    let mut settings = Settings { at: section.at(), ..Settings::default() };
    if let Some(item) = section.get("config") {
        if !matches!(item.node.data, Data::Mapping(_)) {
            item.problem(format!("expected a mapping, found {}", item.node.kind()));
        }
        settings.text = item.node.to_json().to_string();
        settings.node = Some(item.node.clone());
    }
    let texts = section.named_of("config_files", MAX_TEXTS).unwrap_or_default();
    let texts = texts.iter().filter_map(|(key, item)| text_file(section, key, item)).collect();
    let below = section.section("state");
    let state_bytes = below.value("max_bytes", |text| match values::size(text)? {
        bytes if (1 << 10..=MAX_STATE_BYTES).contains(&bytes) => Ok(bytes),
        _ => Err("must be from 1KiB to 4MiB".to_string()),
    });
    below.finish();
    let (origin, name) = named?;
    Some(Component { origin, name, sha256, settings, texts, state_bytes, path: path.into() })
}

fn text_file(section: &Section<'_>, key: &str, item: &Item<'_>) -> Option<TextFile> {
    let name = item.value(text_name)?;
    if let Some(config) = section.get("config")
        && let Data::Mapping(entries) = &config.node.data
        && entries.iter().any(|entry| entry.key == key)
    {
        item.problem(format!("`{key}` is also set under `config`: remove one of the two"));
    }
    Some(TextFile { key: key.into(), name, at: item.at, path: item.path.clone() })
}

/// Checks the name of a text file in the directory of components.
fn text_name(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "invalid file name `{text}`: expected a text file in `transforms_dir`: letters, digits, `-`, \
             `_` and `.` (not first); `*.wasm`, `id` and `insightd.yaml` are reserved"
        )
    };
    let name = file_name(text).ok_or_else(wrong)?;
    // The last-good store uses these names beside the files of a bundle.
    match name.ends_with(".wasm") || matches!(name, "id" | "insightd.yaml") {
        true => Err(wrong()),
        false => Ok(name.into()),
    }
}

/// Returns the text if it is a name within its directory: letters, digits, `-`, `_` and `.`, which is not first.
fn file_name(text: &str) -> Option<&str> {
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = !text.is_empty() && !text.starts_with('.') && text.chars().all(usable);
    is_name.then_some(text)
}

/// Parses `builtin:NAME` or `file:NAME`. The name is also a file name.
fn component_name(text: &str) -> Result<(Origin, String), String> {
    let wrong = || format!("invalid component `{text}`: expected builtin:NAME or file:NAME");
    let (origin, name) = text.split_once(':').ok_or_else(wrong)?;
    let origin = match origin {
        "builtin" => Origin::Builtin,
        "file" => Origin::File,
        _ => return Err(wrong()),
    };
    let name = file_name(name).ok_or_else(|| {
        format!("invalid component name `{name}`: expected letters, digits, `-`, `_` and `.` (not first)")
    })?;
    Ok((origin, name.into()))
}
