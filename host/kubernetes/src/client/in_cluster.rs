//! The API server of the cluster that the agent runs in, as the environment and the mounted service account describe it.

use std::net::Ipv6Addr;
use std::path::Path;

use http::Uri;
use insightd_files::read_regular;

use super::settings::ServerSettings;
use super::tls::Roots;
use super::{ClientError, Token};

/// Files of the service account that is mounted into every pod.
pub(crate) mod service_account {
    /// Token of the service account, replaced before it expires.
    pub(crate) const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    /// CA certificate of the cluster.
    pub(crate) const CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
    /// Namespace of the pod.
    pub(crate) const NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
}

const HOST: &str = "KUBERNETES_SERVICE_HOST";
const PORT: &str = "KUBERNETES_SERVICE_PORT";

/// Largest namespace file in bytes; a namespace has at most 63 characters.
const MAX_NAMESPACE_BYTES: u64 = 4 << 10;

const MOUNT: &str = "mount the service account into the pod (automountServiceAccountToken)";

/// Returns true if the process runs in a pod with a service account.
pub fn is_in_cluster() -> bool {
    variable(HOST).is_some() && variable(PORT).is_some() && Path::new(service_account::TOKEN).exists()
}

/// Returns the settings of the cluster's API server.
///
/// # Errors
/// If the process does not run in a pod, or a file of the service account cannot be used.
pub(super) fn settings() -> Result<ServerSettings, ClientError> {
    let (Some(host), Some(port)) = (variable(HOST), variable(PORT)) else {
        return Err(ClientError::NotInCluster);
    };
    let [token, ca, namespace] =
        [service_account::TOKEN, service_account::CA, service_account::NAMESPACE].map(Path::new);
    settings_from(url(&host, &port)?, token, ca, namespace)
}

fn settings_from(url: Uri, token: &Path, ca: &Path, namespace: &Path) -> Result<ServerSettings, ClientError> {
    let wrong = |path: &Path, error: String| ClientError::File { path: path.into(), error, hint: MOUNT };
    if let Err(error) = std::fs::metadata(token) {
        return Err(wrong(token, error.to_string()));
    }
    let mut settings = ServerSettings::new("the API server", url);
    settings.token = Some(Token::new(token.into()));
    settings.tls.roots = Roots::from_file(ca.into()).map_err(|error| wrong(ca, error))?;
    let bytes =
        read_regular(namespace, MAX_NAMESPACE_BYTES).map_err(|error| wrong(namespace, error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| wrong(namespace, error.to_string()))?;
    settings.namespace = text.trim().to_owned();
    Ok(settings)
}

/// Returns the URL for the values of the environment variables. Kubernetes writes IPv6 addresses without brackets.
fn url(host: &str, port: &str) -> Result<Uri, ClientError> {
    let wrong = |error: String| ClientError::Url {
        url: format!("{HOST}={host}, {PORT}={port}"),
        server: "the API server",
        error,
    };
    let port: u16 = port.parse().map_err(|error| wrong(format!("port: {error}")))?;
    let url = match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("https://[{address}]:{port}"),
        Err(_) => format!("https://{host}:{port}"),
    };
    let url: Uri = url.parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
    match url.host() {
        Some(_) if url.path() == "/" && url.query().is_none() => Ok(url),
        _ => Err(wrong("expected a host name or an IP address".into())),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_built_from_the_environment() {
        for (host, port, expected) in [
            ("10.96.0.1", "443", "https://10.96.0.1:443/"),
            ("fd00:10:96::1", "443", "https://[fd00:10:96::1]:443/"),
            ("2001:0db8:0000::0001", "6443", "https://[2001:db8::1]:6443/"),
            ("kubernetes.default.svc", "8443", "https://kubernetes.default.svc:8443/"),
        ] {
            assert_eq!(url(host, port).unwrap().to_string(), expected);
        }
        for (host, port) in
            [("10.96.0.1", "65536"), ("10.96.0.1", "tcp://10.96.0.1:443"), ("a b", "443"), ("a/b?c=", "443")]
        {
            let text = url(host, port).unwrap_err().to_string();
            assert!(text.contains("KUBERNETES_SERVICE_HOST") && text.contains(port), "{text}");
        }
    }

    #[test]
    fn the_files_of_the_service_account_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let [token, ca, namespace] = ["token", "ca.crt", "namespace"].map(path);
        let read = || settings_from(url("fd00::1", "443").unwrap(), &token, &ca, &namespace);
        let missing = |name: &str| {
            let text = read().err().unwrap().to_string();
            assert!(text.contains(name) && text.contains("automountServiceAccountToken"), "{text}");
            text
        };
        missing("token");
        std::fs::write(&token, "secret").unwrap();
        missing("ca.crt");
        std::fs::write(&ca, "no certificate").unwrap();
        assert!(missing("ca.crt").contains("contains no certificate"));
        std::fs::write(&ca, include_bytes!("../../tests/data/tls/ca.pem")).unwrap();
        missing("namespace");
        std::fs::write(&namespace, "insightd\n").unwrap();
        let settings = read().unwrap();
        assert_eq!(settings.namespace, "insightd");
        assert_eq!(settings.url.to_string(), "https://[fd00::1]:443/");
        assert_eq!(settings.token.unwrap().header().unwrap().as_bytes(), b"Bearer secret");
        assert!(matches!(settings.tls.roots, Roots::File { certificates, .. } if certificates.len() == 1));
    }
}
