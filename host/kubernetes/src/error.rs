//! Errors that make a whole response of the kubelet unusable.

/// A response of the kubelet that is not the expected document. `source_name` is the server or file, as named by the
/// caller.
///
/// Everything read before the error is discarded: a partial list of pods would look as if the other pods had ended.
#[derive(Debug, thiserror::Error)]
pub enum KubeletError {
    /// The response is empty.
    #[error("{source_name}: the document is empty; expected {wanted}")]
    Empty {
        /// Server or file.
        source_name: String,
        /// The requested document.
        wanted: &'static str,
    },
    /// The response is not JSON, is cut off, or is not an object with a list under the key.
    #[error(
        "{source_name}: not {wanted}: {message} at line {line}, column {column}; it begins with {begins:?}"
    )]
    Syntax {
        /// Server or file.
        source_name: String,
        /// Line of the offending byte, from 1.
        line: usize,
        /// Column of the offending byte, from 1, bytes.
        column: usize,
        /// Error text.
        message: String,
        /// The requested document.
        wanted: &'static str,
        /// The first characters of the response: proxies and authorizers respond in plain text.
        begins: String,
    },
    /// The response is an object without the list, usually the API's `Status`, whose `message` gives the reason.
    #[error(
        "{source_name}: no `{key}` in the document: expected {wanted}, found {found}{}",
        message.as_deref().map(|text| format!(": {text}")).unwrap_or_default()
    )]
    NoList {
        /// Server or file.
        source_name: String,
        /// The requested document.
        wanted: &'static str,
        /// Key of the missing list.
        key: &'static str,
        /// `kind` of the response, or a text that it has none.
        found: String,
        /// `message` of the response.
        message: Option<String>,
    },
}
