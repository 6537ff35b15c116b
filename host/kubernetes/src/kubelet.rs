//! Client of this node's kubelet: its pods and their statistics, with the age of each response.
//!
//! ```text
//! fetch: GET /pods            one list,       over one kept connection,
//!        GET /stats/summary   one summary     per call: the load is that of the caller's ticks
//! ```
//!
//! Each of the two has its own last response, with its age: a summary that is slow or forbidden affects neither the figures
//! nor the latency of the pods. A response is kept until a newer one was read; an implausible response never replaces it.
//! There is no backoff: the caller asks once per tick, so a kubelet that recovered is noticed by the next tick.

mod endpoint;
mod incoming;
#[cfg(test)]
mod tests;
mod url;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::client::{ClientError, Token, Traffic, connect_through, service_account};
use crate::pods::{Keep, PodList, PodReader};
use crate::summary::{Summary, SummaryReader};
use insightd_folder::read_regular;
use insightd_peer::Status;

use endpoint::{Endpoint, Limits};
use tokio::sync::{mpsc, watch};
use url::Address;
pub use url::url_of;

/// Timeout of the summary, as a multiple of that of the pods.
const SUMMARY_PATIENCE: u32 = 3;

/// Settings of the connection to the kubelet, and of the data to keep from its responses.
#[derive(Clone, Debug)]
pub struct KubeletSettings {
    /// Address such as `https://10.0.0.7:10250`; see [`url_of`]. No token is sent over plain `http`.
    pub url: String,
    /// File with the bearer token; without it, no token is sent.
    pub token_file: Option<PathBuf>,
    /// PEM files of the certificate authorities that may sign the kubelet's certificate. If empty, the CA of the pod's
    /// service account is used.
    pub ca_files: Vec<PathBuf>,
    /// Name that the certificate must have, if it is not the host of `url`.
    pub server_name: Option<String>,
    /// Accepts any certificate: any server at the address gets the token.
    pub insecure: bool,
    /// Timeout for the pods, from the first byte sent to the last received; the summary may take three times as long.
    pub timeout: Duration,
    /// Labels and annotations to keep.
    pub keep: Keep,
    /// Requests `/stats/summary`.
    pub summary: bool,
    /// Largest response in bytes. The response is not held in memory: this bounds the cost of an endless response.
    pub max_answer_bytes: usize,
}

/// The last data from the kubelet, with its age.
#[derive(Clone, Debug, Default)]
pub struct KubeletData {
    /// The pods; absent until they were read once.
    pub pods: Option<Arc<PodList>>,
    /// Time at which the pods were read.
    pub pods_read_at: Option<Instant>,
    /// Requests for the pods.
    pub pods_attempts: Attempts,
    /// The statistics; absent until they were read once.
    pub summary: Option<Arc<Summary>>,
    /// Time at which the statistics were read.
    pub summary_read_at: Option<Instant>,
    /// Requests for the statistics.
    pub summary_attempts: Attempts,
    /// Error text if something is missing or outdated, with the time of the first failure.
    pub error: Option<String>,
}

/// Requests for one of the two documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Requests that ended, successful or not.
    pub ended: u64,
    /// Duration of the last of them.
    pub took: Duration,
}

/// The client of the kubelet and its last responses.
pub struct Kubelet {
    link: Link,
    pods: Endpoint<PodList>,
    summary: Endpoint<Summary>,
}

/// The connection and the state of both documents, shared by concurrent requests.
struct Link {
    settings: KubeletSettings,
    status: Arc<Status>,
    open: Mutex<Open>,
    known: Mutex<Known>,
}

struct Open {
    authorities: Vec<Vec<u8>>,
    client: kube::Client,
}

#[derive(Default)]
struct Known {
    data: KubeletData,
    pods_error: Option<String>,
    summary_error: Option<String>,
}

/// Ignores poisoning: a panic elsewhere leaves consistent values.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kubelet {
    /// Creates a client. Sends nothing yet. Must be called within the runtime.
    ///
    /// # Errors
    /// If the address is invalid, or a CA file is missing or contains no certificate.
    pub fn new(settings: KubeletSettings, status: Arc<Status>) -> Result<Self, ClientError> {
        if settings.insecure {
            tracing::warn!(
                url = settings.url,
                "kubelet.insecure is set: the certificate is not verified, and any server at this address \
                 receives the token"
            );
        }
        let authorities = authorities(&settings)?;
        let client = client(&settings, &authorities)?;
        let open = Mutex::new(Open { authorities, client });
        Ok(Self {
            link: Link { settings, status, open, known: Mutex::default() },
            pods: Endpoint::new("/pods"),
            summary: Endpoint::new("/stats/summary"),
        })
    }

    /// Returns true if the summary is requested.
    pub fn has_summary(&self) -> bool {
        self.link.settings.summary
    }

    /// Requests both documents, one after the other, and returns the data known then. Never fails, and takes at most four
    /// times the timeout.
    pub async fn fetch(&mut self) -> Arc<KubeletData> {
        self.link.ask_pods(&mut self.pods).await;
        if self.link.settings.summary {
            self.link.ask_summary(&mut self.summary).await;
        }
        self.link.data()
    }

    /// Requests both documents whenever `asked` receives, and publishes the known data after each response, so that the
    /// pods never wait for the summary. The summary is requested after the pods, over the same connection, unless an
    /// earlier request for it is still running. Ends when all senders of `asked` are dropped.
    pub async fn serve(self, mut asked: mpsc::Receiver<()>, known: watch::Sender<Arc<KubeletData>>) {
        let Self { link, mut pods, mut summary } = self;
        let (pods_came, mut summary_asked) = mpsc::channel(1);
        let lists = async {
            // Dropping it ends the other loop.
            let pods_came = pods_came;
            while asked.recv().await.is_some() {
                link.ask_pods(&mut pods).await;
                known.send_replace(link.data());
                // If the channel is full, a summary request is running or about to start, and serves this request, too.
                let _ = pods_came.try_send(());
            }
        };
        let summaries = async {
            while summary_asked.recv().await.is_some() {
                if link.settings.summary {
                    link.ask_summary(&mut summary).await;
                    known.send_replace(link.data());
                }
            }
        };
        tokio::join!(lists, summaries);
    }
}

impl Link {
    fn limits(&self) -> Limits {
        Limits { timeout: self.settings.timeout, max_answer_bytes: self.settings.max_answer_bytes }
    }

    fn client(&self) -> kube::Client {
        locked(&self.open).client.clone()
    }

    async fn ask_pods(&self, endpoint: &mut Endpoint<PodList>) {
        let source = format!("{}/pods", self.settings.url);
        let reader = PodReader::new(&source, &self.settings.keep);
        let good = endpoint.fetch(&self.client(), self.limits(), &self.status, reader).await;
        {
            let mut known = locked(&self.known);
            known.data.pods = endpoint.known.clone();
            known.data.pods_read_at = endpoint.read_at;
            known.data.pods_attempts = Attempts { ended: endpoint.attempts, took: endpoint.took };
            known.pods_error = endpoint.error();
        }
        self.asked(good);
    }

    /// Requests the summary. Kubelets that measure many volumes take longer than an interval. Nothing waits for them, and
    /// the summary is used with its age; with a shorter timeout it would never arrive.
    async fn ask_summary(&self, endpoint: &mut Endpoint<Summary>) {
        let source = format!("{}/stats/summary", self.settings.url);
        let pods = locked(&self.known).data.pods.clone();
        let reader = SummaryReader::new(&source, pods.as_deref());
        let limits = Limits { timeout: self.settings.timeout * SUMMARY_PATIENCE, ..self.limits() };
        let good = endpoint.fetch(&self.client(), limits, &self.status, reader).await;
        {
            let mut known = locked(&self.known);
            known.data.summary = endpoint.known.clone();
            known.data.summary_read_at = endpoint.read_at;
            known.data.summary_attempts = Attempts { ended: endpoint.attempts, took: endpoint.took };
            known.summary_error = endpoint.error();
        }
        self.asked(good);
    }

    /// Updates the status after an attempt. The kubelet is healthy if neither document has an error.
    fn asked(&self, good: bool) {
        let error = {
            let mut known = locked(&self.known);
            let errors: Vec<&str> =
                [&known.pods_error, &known.summary_error].into_iter().flatten().map(String::as_str).collect();
            let error = (!errors.is_empty()).then(|| errors.join("; "));
            known.data.error.clone_from(&error);
            error
        };
        match error {
            Some(error) if !good => {
                self.status.failed(error);
                self.renew();
            }
            Some(_) => {}
            None => self.status.succeeded(),
        }
    }

    fn data(&self) -> Arc<KubeletData> {
        Arc::new(locked(&self.known).data.clone())
    }

    /// Creates a new client after a failure if the CA files have been replaced.
    fn renew(&self) {
        let Ok(authorities) = authorities(&self.settings) else { return };
        let mut open = locked(&self.open);
        if authorities != open.authorities
            && let Ok(client) = client(&self.settings, &authorities)
        {
            tracing::info!(
                url = self.settings.url,
                "the kubelet's CA files have changed and were loaded again"
            );
            *open = Open { authorities, client };
        }
    }
}

/// Returns the certificates of the authorities in DER form.
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

/// Largest CA file in bytes; the complete trust store of an operating system takes 250 KB.
const MAX_AUTHORITIES: u64 = 4 << 20;

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, ClientError> {
    let wrong = |error: String| ClientError::File {
        path: path.to_owned(),
        error,
        hint: "set `kubelet.ca_files` to PEM files of the CAs that sign the kubelet's certificate, or remove \
               it to use the CA of the service account",
    };
    let pem = read_regular(path, MAX_AUTHORITIES).map_err(|error| wrong(error.to_string()))?;
    let found: Result<Vec<Vec<u8>>, _> =
        CertificateDer::pem_slice_iter(&pem).map(|one| one.map(|der| der.to_vec())).collect();
    match found {
        Ok(found) if found.is_empty() => Err(wrong("the file contains no certificate".into())),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn client(settings: &KubeletSettings, authorities: &[Vec<u8>]) -> Result<kube::Client, ClientError> {
    let Address { uri, interface, is_secure } = Address::parse(&settings.url)?;
    let mut config = kube::Config::new(uri);
    config.root_cert = Some(authorities.to_vec());
    config.accept_invalid_certs = settings.insecure;
    config.tls_server_name = settings.server_name.clone();
    let token = settings.token_file.clone().filter(|_| is_secure).map(Token::new);
    connect_through(&config, token, Arc::<Traffic>::default(), "the kubelet", interface)
}
