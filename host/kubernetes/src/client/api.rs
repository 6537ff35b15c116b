//! Address of the API server, and the agent's credentials there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use http::header::{HeaderValue, USER_AGENT};
use kube::config::{KubeConfigOptions, Kubeconfig};

use super::{ClientError, Token, Traffic, connect};

/// Settings of the connection to the API server.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Path of a kubeconfig; without one, the agent uses the service account that is mounted into its pod.
    pub kubeconfig: Option<PathBuf>,
    /// `User-Agent` of all requests: shown in the API server's audit log, and used by its flow control.
    pub user_agent: String,
}

/// Files of the service account that is mounted into every pod.
pub(crate) mod service_account {
    /// Token of the service account, replaced before it expires.
    pub(crate) const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    /// CA certificate of the cluster.
    pub(crate) const CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
    /// Namespace of the pod.
    pub(crate) const NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
}

/// Returns true if the process runs in a pod with a service account.
pub fn is_in_cluster() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("KUBERNETES_SERVICE_HOST")
        && set("KUBERNETES_SERVICE_PORT")
        && Path::new(service_account::TOKEN).exists()
}

/// Creates a client for the API server and the counters of its traffic. Must be called within the runtime.
///
/// Sends nothing yet: an unreachable server is not an error here.
///
/// # Errors
/// If configuration and files do not give the server's address, or a file cannot be read.
pub fn api_client(settings: &ApiSettings) -> Result<(kube::Client, Arc<Traffic>), ClientError> {
    let (mut config, token) = match &settings.kubeconfig {
        Some(path) => from_kubeconfig(path)?,
        None => in_cluster()?,
    };
    if let Ok(agent) = HeaderValue::try_from(&settings.user_agent) {
        config.headers.push((USER_AGENT, agent));
    }
    let traffic = Arc::new(Traffic::default());
    let client = connect(&config, token, Arc::clone(&traffic), "the API server")?;
    Ok((client, traffic))
}

fn in_cluster() -> Result<(kube::Config, Option<Token>), ClientError> {
    if ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"]
        .iter()
        .any(|name| std::env::var_os(name).is_none())
    {
        return Err(ClientError::NotInCluster);
    }
    let missing = |path: &str, hint| {
        let error = std::fs::metadata(path).err()?;
        Some(ClientError::File { path: path.into(), error: error.to_string(), hint })
    };
    let hint = "mount the service account into the pod (automountServiceAccountToken)";
    for path in [service_account::TOKEN, service_account::CA, service_account::NAMESPACE] {
        if let Some(error) = missing(path, hint) {
            return Err(error);
        }
    }
    let mut config = kube::Config::incluster_env().map_err(|error| ClientError::Url {
        url: "KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT".into(),
        server: "the API server",
        error: chain(&error),
    })?;
    config.auth_info = kube::config::AuthInfo::default();
    Ok((config, Some(Token::new(service_account::TOKEN.into()))))
}

fn from_kubeconfig(path: &Path) -> Result<(kube::Config, Option<Token>), ClientError> {
    let wrong = |error: String| ClientError::Kubeconfig { path: path.to_owned(), error };
    let file = Kubeconfig::read_from(path).map_err(|error| wrong(chain(&error)))?;
    // The function is async only by its signature.
    let mut config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .now_or_never()
        .ok_or_else(|| wrong("it cannot be loaded synchronously".into()))?
        .map_err(|error| wrong(chain(&error)))?;
    if config.proxy_url.is_some() {
        return Err(wrong("`proxy-url` is not supported".into()));
    }
    let token = match (&config.auth_info.token, config.auth_info.token_file.take()) {
        (None, Some(path)) => Some(Token::new(path.into())),
        _ => None,
    };
    Ok((config, token))
}

/// Formats an error together with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}
