//! The client of the API server.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::HeaderValue;

use super::{ClientError, Traffic, connect, in_cluster, kubeconfig};

/// Settings of the connection to the API server.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Path of a kubeconfig; without one, the agent uses the service account that is mounted into its pod.
    pub kubeconfig: Option<PathBuf>,
    /// `User-Agent` of all requests: shown in the API server's audit log, and used by its flow control.
    pub user_agent: String,
}

/// Creates a client for the API server and the counters of its traffic. Must be called within the runtime.
///
/// Sends nothing yet: an unreachable server is not an error here.
///
/// # Errors
/// If configuration and files do not give the server's address, or a file cannot be read.
pub fn api_client(settings: &ApiSettings) -> Result<(kube::Client, Arc<Traffic>), ClientError> {
    let mut server = match &settings.kubeconfig {
        Some(path) => kubeconfig::read(path)?,
        None => in_cluster::settings()?,
    };
    if server.tls.insecure {
        tracing::warn!(
            url = %server.url,
            "insecure-skip-tls-verify is set in the kubeconfig: the certificate is not verified, and any server at \
             this address receives the token"
        );
    }
    server.user_agent = HeaderValue::try_from(&settings.user_agent).ok();
    let traffic = Arc::new(Traffic::default());
    let client = connect(server, Arc::clone(&traffic))?;
    Ok((client, traffic))
}

/// Checks a kubeconfig and the files that it names. Sends nothing.
///
/// # Errors
/// As [`api_client`], and if the token file cannot be read.
pub fn check_kubeconfig(path: &Path) -> Result<(), ClientError> {
    match kubeconfig::read(path)?.token {
        Some(token) => token.header().map(drop),
        None => Ok(()),
    }
}
