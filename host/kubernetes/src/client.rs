//! Connections to the API server and the kubelet: addresses, certificates, tokens, and what their errors mean.
//!
//! Both speak through one HTTP/1 client type. Per client there is one connection for requests and one for each watch; what
//! is idle for 90 s is closed. Nothing retries by itself but a request that was answered with 401 after the token on disk
//! had changed: every caller has a back-off of its own, so a server in trouble is not asked twice for one reason.
//!
//! No message names a token or quotes a header.

mod api;
mod explain;
pub mod reflect;
#[cfg(test)]
pub(crate) mod testing;
mod token;
mod transport;

pub use api::{ApiSettings, api_client, is_in_cluster, service_account};
pub use explain::explain;
pub(crate) use explain::{Peer, explain_for};
pub(crate) use insightd_peer::{Backoff, up_to};
pub use kube::Client;
pub(crate) use token::Token;
pub use transport::Traffic;
pub(crate) use transport::{connect, connect_through};

use std::path::PathBuf;

/// Why there can be no client. All of it is known at start, from configuration and files.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Neither configured nor in a pod.
    #[error(
        "no API server: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this is no pod; \
         set `api.kubeconfig`, or `api.enabled: false`"
    )]
    NotInCluster,
    /// A file of the service account, the token, or a CA file.
    #[error("{}: {error}; {hint}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
        /// What it is for and what to do.
        hint: &'static str,
    },
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {}: {error}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// An address is none.
    #[error("{url:?} is not the address of {of}: {error}")]
    Url {
        /// What stands there.
        url: String,
        /// Whose address it should be.
        of: &'static str,
        /// What is wrong with it.
        error: String,
    },
    /// A certificate, key, credential or header cannot be used.
    #[error("connections to {of}: {error}")]
    Setup {
        /// The peer.
        of: String,
        /// What is wrong.
        error: String,
    },
}
