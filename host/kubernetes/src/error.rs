//! Why a whole answer of the kubelet could not be used.

/// An answer of the kubelet that is not the document it should be. `source` is the peer or file it came from, as the
/// caller named it.
///
/// Whatever had been read before the error is thrown away: half a list of pods looks like pods that ended.
#[derive(Debug, thiserror::Error)]
pub enum KubeletError {
    /// Nothing came.
    #[error("{source_name}: the answer is empty, wanted {wanted}")]
    Empty {
        /// Peer or file.
        source_name: String,
        /// The document that was asked for.
        wanted: &'static str,
    },
    /// Not JSON, cut off, or not an object that holds a list where the list should be.
    #[error("{source_name}: line {line}, column {column}: {message}, wanted {wanted}; it begins {begins:?}")]
    Syntax {
        /// Peer or file.
        source_name: String,
        /// Line of the offending byte, from 1.
        line: usize,
        /// Column of the offending byte, from 1, bytes.
        column: usize,
        /// What is wrong there.
        message: String,
        /// The document that was asked for.
        wanted: &'static str,
        /// The first characters of the answer: proxies and authorizers answer in plain words.
        begins: String,
    },
    /// An object without the list. Most often the API's `Status`, which says in `message` why there is no list.
    #[error(
        "{source_name}: no `{key}` in the answer, wanted {wanted}; found {found}{}",
        message.as_deref().map(|text| format!(": {text}")).unwrap_or_default()
    )]
    NoList {
        /// Peer or file.
        source_name: String,
        /// The document that was asked for.
        wanted: &'static str,
        /// Key under which the list should be.
        key: &'static str,
        /// `kind` of the answer, or that it has none.
        found: String,
        /// `message` of the answer.
        message: Option<String>,
    },
}
