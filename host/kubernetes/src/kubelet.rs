//! The kubelet of this node: its pods and their file systems, with the age of what is known.
//!
//! ```text
//! fetch: GET /pods            one list,       over one kept connection,
//!        GET /stats/summary   one summary     once a call: the caller's tick is all the load there is
//! ```
//!
//! Each of the two has its own back-off and its own last-known answer: a summary that is slow or forbidden costs the pods
//! nothing. What was read stays until something newer was read; an answer that cannot be right never replaces it.

mod endpoint;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::client::{Backoff, ClientError, Token, Traffic, connect, service_account};
use crate::pods::{self, Keep, PodList};
use crate::summary::{self, Summary};
use insightd_peer::Status;

use endpoint::{Endpoint, Limits, Outcome};

/// With a tick of a minute, a kubelet that is down is asked at most once a minute.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const MOST_WAIT: Duration = Duration::from_secs(60);

/// How the kubelet is reached, and what is kept of what it says.
#[derive(Clone, Debug)]
pub struct KubeletSettings {
    /// `https://10.0.0.7:10250`; see [`url_of`]. Over plain `http` no token is sent.
    pub url: String,
    /// Bearer token; without one, none is sent.
    pub token_file: Option<PathBuf>,
    /// PEM files of the authorities that may sign its certificate. None: the CA of the pod's service account.
    pub ca_files: Vec<PathBuf>,
    /// The name that its certificate must have, where that is not the host of `url`.
    pub server_name: Option<String>,
    /// Accept any certificate: whoever has the address gets the token.
    pub insecure: bool,
    /// For each of the two answers, from the first byte sent to the last received.
    pub timeout: Duration,
    /// Labels and annotations to keep.
    pub keep: Keep,
    /// Whether to ask for `/stats/summary`.
    pub summary: bool,
    /// The most bytes that one answer may have.
    pub max_answer_bytes: usize,
}

/// The kubelet's address on a node with this host name or IP address.
pub fn url_of(host: &str) -> String {
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("https://[{address}]:10250"),
        Err(_) => format!("https://{host}:10250"),
    }
}

/// What is known, as of when.
#[derive(Clone, Debug, Default)]
pub struct KubeletData {
    /// The pods; absent until they were read once.
    pub pods: Option<Arc<PodList>>,
    /// When they had been read.
    pub pods_read_at: Option<Instant>,
    /// The file systems.
    pub summary: Option<Arc<Summary>>,
    /// When they had been read.
    pub summary_read_at: Option<Instant>,
    /// Why something is missing or old, and since when.
    pub error: Option<String>,
}

/// The connection to it, and what it said last.
pub struct Kubelet {
    settings: KubeletSettings,
    authorities: Vec<Vec<u8>>,
    client: kube::Client,
    status: Arc<Status>,
    pods: Endpoint<PodList>,
    summary: Endpoint<Summary>,
}

impl Kubelet {
    /// Sends nothing yet. To be called within the runtime.
    ///
    /// # Errors
    /// When the address is none, or a CA file is missing or holds no certificate.
    pub fn new(settings: KubeletSettings, status: Arc<Status>) -> Result<Self, ClientError> {
        if settings.insecure {
            tracing::warn!(
                url = settings.url,
                "kubelet.insecure is set: its certificate is not verified, and whoever answers in its place gets the token"
            );
        }
        let authorities = authorities(&settings)?;
        let client = client(&settings, &authorities)?;
        let backoff = || Backoff::new(FIRST_WAIT, MOST_WAIT);
        Ok(Self {
            pods: Endpoint::new("/pods", backoff()),
            summary: Endpoint::new("/stats/summary", backoff()),
            settings,
            authorities,
            client,
            status,
        })
    }

    /// Asks for what is due, and says what is known then. Never fails, and takes no longer than twice the timeout; while it
    /// waits after failures, it returns at once.
    pub async fn fetch(&mut self) -> Arc<KubeletData> {
        let limits =
            Limits { timeout: self.settings.timeout, max_answer_bytes: self.settings.max_answer_bytes };
        let (settings, status) = (&self.settings, &*self.status);
        let source = |path| format!("{}{path}", settings.url);
        let read = |body: &[u8]| {
            let list = pods::parse_keeping(body, &source("/pods"), &settings.keep)?;
            let malformed = list.problems.len();
            Ok((list.pods.len(), malformed, list))
        };
        let mut outcomes = [self.pods.fetch(&self.client, limits, status, &read).await, Outcome::Waiting];
        if settings.summary {
            let read = |body: &[u8]| {
                let summary = summary::parse(body, &source("/stats/summary"))?;
                Ok((summary.pods.len(), summary.problems.len(), summary))
            };
            outcomes[1] = self.summary.fetch(&self.client, limits, status, &read).await;
        }
        let errors: Vec<String> = [self.pods.error(), self.summary.error()].into_iter().flatten().collect();
        let error = (!errors.is_empty()).then(|| errors.join("; "));
        match &error {
            Some(error) if outcomes.contains(&Outcome::Failed) => {
                self.status.failed(error.as_str());
                self.renew();
            }
            None => self.status.succeeded(),
            Some(_) => {}
        }
        Arc::new(KubeletData {
            pods: self.pods.known.clone(),
            pods_read_at: self.pods.read_at,
            summary: self.summary.known.clone(),
            summary_read_at: self.summary.read_at,
            error,
        })
    }

    /// After a failure: with the CA files as they are now, should they have been replaced.
    fn renew(&mut self) {
        let Ok(authorities) = authorities(&self.settings) else { return };
        if authorities != self.authorities
            && let Ok(client) = client(&self.settings, &authorities)
        {
            tracing::info!(url = self.settings.url, "the kubelet's CA files were replaced and are read anew");
            (self.authorities, self.client) = (authorities, client);
        }
    }
}

/// Certificates of the authorities, DER.
fn authorities(settings: &KubeletSettings) -> Result<Vec<Vec<u8>>, ClientError> {
    if settings.insecure || settings.url.starts_with("http://") {
        return Ok(Vec::new());
    }
    let of_pod = [PathBuf::from(service_account::CA)];
    let files: &[PathBuf] = if settings.ca_files.is_empty() { &of_pod } else { &settings.ca_files };
    let mut found = Vec::new();
    for path in files {
        found.extend(certificates(path)?);
    }
    Ok(found)
}

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, ClientError> {
    let wrong = |error: String| ClientError::File {
        path: path.to_owned(),
        error,
        hint: "`kubelet.ca_files` names the authorities (PEM) that may sign the kubelet's certificate; \
               none means the CA of the service account",
    };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let found: Result<Vec<Vec<u8>>, _> =
        CertificateDer::pem_slice_iter(&pem).map(|one| one.map(|der| der.to_vec())).collect();
    match found {
        Ok(found) if found.is_empty() => Err(wrong("no certificate in it".into())),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn client(settings: &KubeletSettings, authorities: &[Vec<u8>]) -> Result<kube::Client, ClientError> {
    let wrong = |error: String| ClientError::Url { url: settings.url.clone(), of: "a kubelet", error };
    let url: Uri = settings.url.parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
    let secure = match (url.scheme_str(), url.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(_)) => false,
        _ => return Err(wrong("it should look like https://10.0.0.7:10250".into())),
    };
    let mut config = kube::Config::new(url);
    config.root_cert = Some(authorities.to_vec());
    config.accept_invalid_certs = settings.insecure;
    config.tls_server_name = settings.server_name.clone();
    let token = settings.token_file.clone().filter(|_| secure).map(Token::new);
    connect(&config, token, Arc::<Traffic>::default(), "the kubelet")
}
