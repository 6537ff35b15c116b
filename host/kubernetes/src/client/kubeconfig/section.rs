//! Typed access to the YAML tree of a kubeconfig, with errors that name file, position and key.

use std::path::{Path, PathBuf};

use insightd_yaml::{Data, Entry, Node, Position};

use super::ClientError;

/// The kubeconfig, for errors and relative paths.
pub(super) struct File<'a> {
    pub(super) path: &'a Path,
}

impl File<'_> {
    pub(super) fn error(&self, at: Option<Position>, error: String) -> ClientError {
        ClientError::Kubeconfig { path: self.path.to_owned(), at, error }
    }
}

/// A mapping of the file.
pub(super) struct Section<'a> {
    file: &'a File<'a>,
    /// Path of the mapping with a dot at the end, such as `users[0].user.`; empty for the whole file.
    prefix: String,
    at: Position,
    entries: &'a [Entry],
}

/// A text of the file.
pub(super) struct Value<'a> {
    file: &'a File<'a>,
    /// Path of the key, such as `users[0].user.token`.
    key: String,
    at: Position,
    pub(super) text: &'a str,
}

impl<'a> Section<'a> {
    /// Returns the whole file as a section.
    ///
    /// # Errors
    /// If it is not a mapping.
    pub(super) fn root(file: &'a File<'a>, node: &'a Node) -> Result<Self, ClientError> {
        match &node.data {
            Data::Mapping(entries) => Ok(Self { file, prefix: String::new(), at: node.at, entries }),
            _ => {
                let error =
                    format!("expected a kubeconfig, a mapping with `clusters`, found {}", node.kind());
                Err(file.error(Some(node.at), error))
            }
        }
    }

    /// Returns an error at the position of the section.
    pub(super) fn error(&self, error: &str) -> ClientError {
        let error = match self.prefix.strip_suffix('.') {
            Some(path) => format!("`{path}`: {error}"),
            None => error.to_owned(),
        };
        self.file.error(Some(self.at), error)
    }

    /// Returns the text of a key. An empty text counts as absent, as for `kubectl`.
    ///
    /// # Errors
    /// If it is a list or a mapping.
    pub(super) fn text(&self, key: &str) -> Result<Option<Value<'a>>, ClientError> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        match &entry.value.data {
            Data::Scalar { text, .. } if text.is_empty() => Ok(None),
            Data::Scalar { text, .. } => {
                Ok(Some(Value { file: self.file, key: self.path(key), at: entry.at, text }))
            }
            _ => Err(self.unexpected(entry, "text")),
        }
    }

    /// Returns the value of a key that is `true` or `false`.
    ///
    /// # Errors
    /// If it is something else.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ClientError> {
        let Some(entry) = self.entry(key) else { return Ok(None) };
        match &entry.value.data {
            Data::Scalar { text, plain: true } if text == "true" => Ok(Some(true)),
            Data::Scalar { text, plain: true } if text == "false" => Ok(Some(false)),
            _ => Err(self.unexpected(entry, "true or false")),
        }
    }

    /// Returns an error if the key has a value.
    ///
    /// # Errors
    /// The key, with the remedy.
    pub(super) fn refuse(&self, key: &str, remedy: &str) -> Result<(), ClientError> {
        let Some(entry) = self.entry(key) else { return Ok(()) };
        let is_empty = match &entry.value.data {
            Data::Scalar { text, .. } => text.is_empty(),
            Data::Sequence(items) => items.is_empty(),
            Data::Mapping(entries) => entries.is_empty(),
        };
        if is_empty {
            return Ok(());
        }
        let error = format!("`{}` is not supported: {remedy}", self.path(key));
        Err(self.file.error(Some(entry.at), error))
    }

    /// Returns the mapping `content` of the element of `list` whose name is the value of another key.
    ///
    /// # Errors
    /// If there is no such element, or it has no such mapping.
    pub(super) fn named(&self, list: &str, content: &str, name: &Value<'a>) -> Result<Self, ClientError> {
        let items: &[Node] = match self.entry(list) {
            None => &[],
            Some(entry) => match &entry.value.data {
                Data::Sequence(items) => items,
                _ => return Err(self.unexpected(entry, "a list")),
            },
        };
        for (index, node) in items.iter().enumerate() {
            let path = format!("{}[{index}]", self.path(list));
            let item = self.section(&path, node)?;
            if item.text("name")?.is_none_or(|found| found.text != name.text) {
                continue;
            }
            return match item.entry(content) {
                Some(entry) => self.section(&item.path(content), &entry.value),
                None => Err(item.error(&format!("`{content}` is missing"))),
            };
        }
        Err(name.error(&format!("is {:?}, but `{list}` has no such name", name.text)))
    }

    /// Returns the entry of a key that has a value.
    fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key && !entry.value.is_null())
    }

    fn section(&self, path: &str, node: &'a Node) -> Result<Self, ClientError> {
        match &node.data {
            Data::Mapping(entries) => {
                Ok(Self { file: self.file, prefix: format!("{path}."), at: node.at, entries })
            }
            _ => {
                let error = format!("`{path}`: expected a mapping, found {}", node.kind());
                Err(self.file.error(Some(node.at), error))
            }
        }
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn unexpected(&self, entry: &Entry, expected: &str) -> ClientError {
        let error = format!("`{}`: expected {expected}, found {}", self.path(&entry.key), entry.value.kind());
        self.file.error(Some(entry.at), error)
    }
}

impl Value<'_> {
    /// Returns an error at the key. It does not quote the value, which may be secret.
    pub(super) fn error(&self, error: &str) -> ClientError {
        self.file.error(Some(self.at), format!("`{}` {error}", self.key))
    }

    /// Returns the value as a path; a relative one begins at the directory of the kubeconfig.
    pub(super) fn path(&self) -> PathBuf {
        self.file.path.parent().unwrap_or(Path::new("")).join(self.text)
    }
}
