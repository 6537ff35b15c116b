//! Where the API server is, and who the agent is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use http::header::{HeaderValue, USER_AGENT};
use kube::config::{KubeConfigOptions, Kubeconfig};

use super::{ClientError, Token, Traffic, connect};

/// How the API server is reached.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// A kubeconfig; without one the agent is taken to run in a pod, with the service account that is mounted there.
    pub kubeconfig: Option<PathBuf>,
    /// How the agent calls itself: seen in the API server's audit log and flow control.
    pub user_agent: String,
}

/// Files of the service account that every pod has mounted.
pub mod service_account {
    /// Its token, replaced before it expires.
    pub const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    /// The CA of the cluster.
    pub const CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
    /// Namespace of the pod.
    pub const NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
}

/// Whether this is a pod with a service account.
pub fn is_in_cluster() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("KUBERNETES_SERVICE_HOST")
        && set("KUBERNETES_SERVICE_PORT")
        && Path::new(service_account::TOKEN).exists()
}

/// A client for the API server, and what goes over its wire. To be called within the runtime.
///
/// Nothing is sent yet: a server that is away is no error here.
///
/// # Errors
/// When configuration or files leave open where the server is, or cannot be read.
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
    let hint = "the pod needs its service account mounted (automountServiceAccountToken)";
    for path in [service_account::TOKEN, service_account::CA, service_account::NAMESPACE] {
        if let Some(error) = missing(path, hint) {
            return Err(error);
        }
    }
    let mut config = kube::Config::incluster_env().map_err(|error| ClientError::Url {
        url: "KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT".into(),
        of: "the API server",
        error: chain(&error),
    })?;
    config.auth_info = kube::config::AuthInfo::default();
    Ok((config, Some(Token::new(service_account::TOKEN.into()))))
}

fn from_kubeconfig(path: &Path) -> Result<(kube::Config, Option<Token>), ClientError> {
    let wrong = |error: String| ClientError::Kubeconfig { path: path.to_owned(), error };
    let file = Kubeconfig::read_from(path).map_err(|error| wrong(chain(&error)))?;
    // Async by its signature alone.
    let mut config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .now_or_never()
        .ok_or_else(|| wrong("it could not be read at once".into()))?
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

/// An error with its causes.
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
