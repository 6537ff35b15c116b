//! Kubeconfigs: the cluster and the user of the current context.
//!
//! A certificate, a token, or a file with one of them is supported. A kubeconfig can also name commands to run, such as
//! `aws eks get-token`: an agent that runs as root does not, and says so at start.

mod section;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use insightd_files::read_regular;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;

use super::settings::ServerSettings;
use super::tls::{self, Roots};
use super::{ClientError, Token};
use section::{File, Section, Value};

/// Largest kubeconfig, certificate or key in bytes.
const MAX_BYTES: u64 = 1 << 20;

const CREDENTIALS: &str = "use `tokenFile`, `token`, or `client-certificate` with `client-key`";

const IMPERSONATION: &str = "the agent acts as its own user: grant the permissions to that user";

/// Keys of a user that change who sends the requests and are not supported, and the remedy.
const UNSUPPORTED: [(&str, &str); 8] = [
    ("exec", CREDENTIALS),
    ("auth-provider", CREDENTIALS),
    ("username", CREDENTIALS),
    ("password", CREDENTIALS),
    ("as", IMPERSONATION),
    ("as-uid", IMPERSONATION),
    ("as-groups", IMPERSONATION),
    ("as-user-extra", IMPERSONATION),
];

/// Reads a kubeconfig.
///
/// # Errors
/// If it cannot be read, or the current context cannot be used; with the position in the file.
pub(super) fn read(path: &Path) -> Result<ServerSettings, ClientError> {
    let file = File { path };
    let bytes = read_regular(path, MAX_BYTES)
        .map_err(|error| file.error(None, format!("cannot read it: {error}")))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| file.error(None, error.to_string()))?;
    let root = insightd_yaml::parse(text.trim_start_matches('\u{feff}'))
        .map_err(|error| file.error(Some(error.at), error.message))?
        .ok_or_else(|| file.error(None, "the file is empty".into()))?;
    let root = Section::root(&file, &root)?;

    let name = root.text("current-context")?.ok_or_else(|| {
        root.error("`current-context` is not set; `kubectl config use-context NAME` sets it")
    })?;
    let context = root.named("contexts", "context", &name)?;
    let cluster = context.text("cluster")?.ok_or_else(|| context.error("the context has no `cluster`"))?;
    let cluster = root.named("clusters", "cluster", &cluster)?;

    let mut settings = ServerSettings::new("the API server", server(&cluster)?);
    if let Some(namespace) = context.text("namespace")? {
        settings.namespace = namespace.text.to_owned();
    }
    if let Some(value) = cluster.text("proxy-url")? {
        return Err(value.error("is not supported: the agent connects to the API server without a proxy"));
    }
    settings.tls.insecure = cluster.flag("insecure-skip-tls-verify")?.unwrap_or(false);
    settings.tls.server_name = server_name(&cluster)?;
    settings.tls.roots = roots(&cluster)?;
    if let Some(name) = context.text("user")? {
        let user = root.named("users", "user", &name)?;
        for (key, remedy) in UNSUPPORTED {
            user.refuse(key, remedy)?;
        }
        settings.token = token(&user)?;
        settings.tls.identity = identity(&user)?;
    }
    Ok(settings)
}

fn server(cluster: &Section<'_>) -> Result<Uri, ClientError> {
    let value = cluster.text("server")?.ok_or_else(|| cluster.error("the cluster has no `server`"))?;
    // A user name or a password in the URL would have no effect, and is not for the log.
    let url: Option<Uri> = value.text.parse().ok().filter(|url: &Uri| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url.host().is_some_and(|host| !host.is_empty())
            && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    });
    url.ok_or_else(|| value.error("is not the URL of an API server, such as https://10.0.0.1:6443"))
}

fn server_name(cluster: &Section<'_>) -> Result<Option<ServerName<'static>>, ClientError> {
    let Some(value) = cluster.text("tls-server-name")? else { return Ok(None) };
    match ServerName::try_from(value.text.to_owned()) {
        Ok(name) => Ok(Some(name)),
        Err(_) => Err(value.error("is not a DNS name or an IP address")),
    }
}

fn roots(cluster: &Section<'_>) -> Result<Roots, ClientError> {
    if let Some(value) = cluster.text("certificate-authority-data")? {
        return match tls::certificates(&decoded(&value)?) {
            Ok(certificates) => Ok(Roots::Certificates(certificates)),
            Err(error) => Err(value.error(&format!("is unusable: {error}"))),
        };
    }
    let Some(value) = cluster.text("certificate-authority")? else { return Ok(Roots::System) };
    let path = value.path();
    Roots::from_file(path.clone())
        .map_err(|error| value.error(&format!("is unusable: {}: {error}", path.display())))
}

/// Returns the bearer token. As for `kubectl`, the file has precedence.
fn token(user: &Section<'_>) -> Result<Option<Token>, ClientError> {
    if let Some(value) = user.text("tokenFile")? {
        return Ok(Some(Token::new(value.path())));
    }
    let Some(value) = user.text("token")? else { return Ok(None) };
    Token::fixed(value.text).map(Some).map_err(|error| value.error(error))
}

fn identity(user: &Section<'_>) -> Result<Option<Arc<CertifiedKey>>, ClientError> {
    let certificate = pem(user, "client-certificate-data", "client-certificate")?;
    let key = pem(user, "client-key-data", "client-key")?;
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some((value, _)), None) => Err(value.error("requires `client-key` or `client-key-data`")),
        (None, Some((value, _))) => {
            Err(value.error("requires `client-certificate` or `client-certificate-data`"))
        }
        (Some((value, certificate)), Some((_, key))) => tls::identity(&certificate, &key)
            .map(Some)
            .map_err(|error| value.error(&format!("is unusable: {error}"))),
    }
}

/// Returns the content of a key with base64 data, else of a key with the path of a file.
fn pem<'a>(
    section: &Section<'a>,
    data: &str,
    file: &str,
) -> Result<Option<(Value<'a>, Vec<u8>)>, ClientError> {
    if let Some(value) = section.text(data)? {
        let content = decoded(&value)?;
        return Ok(Some((value, content)));
    }
    let Some(value) = section.text(file)? else { return Ok(None) };
    let path = value.path();
    match read_regular(&path, MAX_BYTES) {
        Ok(content) => Ok(Some((value, content))),
        Err(error) => Err(value.error(&format!("is unusable: {}: {error}", path.display()))),
    }
}

/// Decodes base64, which may be wrapped. The decoder's error quotes a character of what may be a key, and is not shown.
fn decoded(value: &Value<'_>) -> Result<Vec<u8>, ClientError> {
    let text: Vec<u8> = value.text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(text).map_err(|_| value.error("is not base64"))
}
