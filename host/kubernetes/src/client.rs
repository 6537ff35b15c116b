//! Connections to the API server and the kubelet: addresses, certificates, tokens, and explanations of their errors.
//!
//! Both use one HTTP/1 client type. Each client has one connection for requests and one for each watch; a connection that
//! is idle for 90 s is closed. The only request that is retried here is one answered with 401 after the token on disk
//! changed: every caller has its own backoff, so a failing server gets no second request for the same reason.
//!
//! No error text contains a token or a header.

mod api;
mod explain;
mod in_cluster;
mod kubeconfig;
pub(crate) mod reflect;
mod request;
mod settings;
#[cfg(test)]
pub(crate) mod testing;
mod tls;
mod token;
mod transport;
mod verifier;

pub use api::{ApiSettings, api_client, check_kubeconfig};
pub(crate) use explain::{Upstream, explain, explain_for};
pub use in_cluster::is_in_cluster;
pub(crate) use in_cluster::service_account;
pub(crate) use insightd_upstream::{Backoff, jitter_up_to, lock};
use insightd_yaml::Position;
pub use kube::Client;
pub(crate) use request::{send, send_for_object};
pub(crate) use settings::ServerSettings;
pub(crate) use tls::{Roots, read_certificates};
pub(crate) use token::Token;
pub use transport::Traffic;
pub(crate) use transport::connect;

use std::path::PathBuf;

/// An error that prevents the creation of a client. All of them are detected at start, from configuration and files.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No kubeconfig is configured, and the process does not run in a pod.
    #[error(
        "no API server configured: not running in a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT \
         are not set); set `api.kubeconfig` or `api.enabled: false`"
    )]
    NotInCluster,
    /// A file of the service account, the token file, or a CA file cannot be used.
    #[error("{}: {error}; {hint}", path.display())]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Error text.
        error: String,
        /// Purpose of the file and the remedy.
        hint: &'static str,
    },
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {}{}: {error}", path.display(), at.map(|at| format!(":{at}")).unwrap_or_default())]
    Kubeconfig {
        /// Path of the file.
        path: PathBuf,
        /// Position of the error in the file.
        at: Option<Position>,
        /// Error text.
        error: String,
    },
    /// A configured address is invalid.
    #[error("invalid address of {server} {url:?}: {error}")]
    Url {
        /// The configured value.
        url: String,
        /// The server whose address it should be.
        server: &'static str,
        /// Error text.
        error: String,
    },
    /// A certificate, key, credential or header cannot be used.
    #[error("cannot create the client of {server}: {error}")]
    Setup {
        /// The server.
        server: String,
        /// Error text.
        error: String,
    },
}
