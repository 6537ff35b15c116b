//! Settings of one client.

use http::{HeaderValue, Uri};

use super::Token;
use super::tls::TlsSettings;

/// Address of a server, and how the agent connects and authenticates to it.
pub(crate) struct ServerSettings {
    /// The server in error texts, such as `the API server`.
    pub(crate) server: &'static str,
    /// `http` or `https`, with a host. The paths of requests are relative to it.
    pub(crate) url: Uri,
    /// Namespace of requests that name none.
    pub(crate) namespace: String,
    /// Without one, requests have no `authorization` header.
    pub(crate) token: Option<Token>,
    pub(crate) user_agent: Option<HeaderValue>,
    /// Network interface of the connections: a link-local address does not determine it.
    pub(crate) interface: Option<String>,
    pub(crate) tls: TlsSettings,
}

impl ServerSettings {
    /// Settings without credentials; the system's certificate authorities are trusted.
    pub(crate) fn new(server: &'static str, url: Uri) -> Self {
        Self {
            server,
            url,
            namespace: "default".into(),
            token: None,
            user_agent: None,
            interface: None,
            tls: TlsSettings::default(),
        }
    }
}
