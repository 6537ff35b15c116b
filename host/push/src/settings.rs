//! Settings of an endpoint.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

/// An endpoint, and how to authenticate there.
#[derive(Clone, Debug)]
pub struct PushSettings {
    /// Address that bodies are posted to, with scheme, host and path.
    pub endpoint: Uri,
    /// Additional headers of every request.
    pub headers: Vec<(HeaderName, HeaderSource)>,
    /// Certificates.
    pub tls: TlsSettings,
    /// Time limit from the connection to the last byte of the response.
    pub timeout: Duration,
}

/// Source of a header's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderSource {
    /// A fixed value.
    Value(HeaderValue),
    /// The first line of a file, such as a token that is replaced before it expires.
    File {
        /// Text before the content of the file, such as `Bearer `.
        prefix: &'static str,
        /// Path of the file.
        path: PathBuf,
    },
}

/// Certificates in addition to those of the system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM file with further certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// Certificate that the client presents.
    pub identity: Option<Identity>,
}

/// A client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PEM file with the certificate and its chain.
    pub cert_file: PathBuf,
    /// PEM file with the private key.
    pub key_file: PathBuf,
}
