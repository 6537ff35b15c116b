//! Client of this node's kubelet: its pods and their statistics, with the age of each response.
//!
//! ```text
//! fetch: GET /pods            one list,       over one kept connection,
//!        GET /stats/summary   one summary     per call: the load is that of the caller's ticks
//! ```
//!
//! Each of the two has its own last response, with its age: a summary that is slow or forbidden affects neither the figures
//! nor the latency of the pods. A response is kept until a newer one was read; an implausible response never replaces it.
//! There is no backoff: the caller sends requests once per tick, so a kubelet that recovered is noticed by the next tick.

mod authorities;
mod document;
mod endpoint;
#[cfg(test)]
mod tests;
mod url;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::client::{ClientError, Roots, ServerSettings, Token, Traffic, connect};
use crate::pods::{MetadataFilter, PodList, PodReader};
use crate::summary::{Summary, SummaryReader};
use insightd_upstream::{UpstreamStatus, lock};

use authorities::authorities;
use endpoint::{Endpoint, ResponseLimits};
use rustls::pki_types::CertificateDer;
use tokio::sync::{mpsc, watch};
use url::Address;
pub use url::url_for_host;

/// Timeout of the summary, as a multiple of that of the pods.
const SUMMARY_TIMEOUT_FACTOR: u32 = 3;

/// Settings of the connection to the kubelet, and of the data to keep from its responses.
#[derive(Clone, Debug)]
pub struct KubeletSettings {
    /// Address such as `https://10.0.0.7:10250`; see [`url_for_host`]. No token is sent over plain `http`.
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
    pub metadata_filter: MetadataFilter,
    /// Requests `/stats/summary`.
    pub summary: bool,
    /// Largest response in bytes. The response is not held in memory: this bounds the cost of an endless response.
    pub max_response_bytes: usize,
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
    connection: Connection,
    pods: Endpoint<PodList>,
    summary: Endpoint<Summary>,
}

/// The connection and the state of both documents, shared by concurrent requests.
struct Connection {
    settings: KubeletSettings,
    status: Arc<UpstreamStatus>,
    client_state: Mutex<ClientState>,
    known: Mutex<KnownData>,
}

struct ClientState {
    authorities: Vec<CertificateDer<'static>>,
    client: kube::Client,
}

#[derive(Default)]
struct KnownData {
    data: KubeletData,
    pods_error: Option<String>,
    summary_error: Option<String>,
}

impl Kubelet {
    /// Creates a client. Sends nothing yet. Must be called within the runtime.
    ///
    /// # Errors
    /// If the address is invalid, or a CA file is missing or contains no certificate.
    pub fn new(settings: KubeletSettings, status: Arc<UpstreamStatus>) -> Result<Self, ClientError> {
        if settings.insecure {
            tracing::warn!(
                url = settings.url,
                "kubelet.insecure is set: the certificate is not verified, and any server at this address \
                 receives the token"
            );
        }
        let authorities = authorities(&settings)?;
        let client = client(&settings, &authorities)?;
        let client_state = Mutex::new(ClientState { authorities, client });
        Ok(Self {
            connection: Connection { settings, status, client_state, known: Mutex::default() },
            pods: Endpoint::new("/pods"),
            summary: Endpoint::new("/stats/summary"),
        })
    }

    /// Returns true if the summary is requested.
    pub fn has_summary(&self) -> bool {
        self.connection.settings.summary
    }

    /// Requests both documents, one after the other, and returns the data known then. Never fails, and takes at most four
    /// times the timeout.
    pub async fn fetch(&mut self) -> Arc<KubeletData> {
        self.connection.fetch_pods(&mut self.pods).await;
        if self.connection.settings.summary {
            self.connection.fetch_summary(&mut self.summary).await;
        }
        self.connection.data()
    }

    /// Requests both documents whenever `requests` receives, and publishes the known data after each response, so that the
    /// pods never wait for the summary. The summary is requested after the pods, over the same connection, unless an
    /// earlier request for it is still running. Ends when all senders of `requests` are dropped.
    pub async fn serve(self, mut requests: mpsc::Receiver<()>, known: watch::Sender<Arc<KubeletData>>) {
        let Self { connection, mut pods, mut summary } = self;
        let (pods_fetched, mut summary_requested) = mpsc::channel(1);
        let lists = async {
            // Dropping it ends the other loop.
            let pods_fetched = pods_fetched;
            while requests.recv().await.is_some() {
                connection.fetch_pods(&mut pods).await;
                known.send_replace(connection.data());
                // If the channel is full, a summary request is running or about to start, and serves this request, too.
                let _ = pods_fetched.try_send(());
            }
        };
        let summaries = async {
            while summary_requested.recv().await.is_some() {
                if connection.settings.summary {
                    connection.fetch_summary(&mut summary).await;
                    known.send_replace(connection.data());
                }
            }
        };
        tokio::join!(lists, summaries);
    }
}

impl Connection {
    fn limits(&self) -> ResponseLimits {
        ResponseLimits {
            timeout: self.settings.timeout,
            max_response_bytes: self.settings.max_response_bytes,
        }
    }

    fn client(&self) -> kube::Client {
        lock(&self.client_state).client.clone()
    }

    async fn fetch_pods(&self, endpoint: &mut Endpoint<PodList>) {
        let source = format!("{}/pods", self.settings.url);
        let reader = PodReader::new(&source, &self.settings.metadata_filter);
        let is_success = endpoint.fetch(&self.client(), self.limits(), &self.status, reader).await;
        {
            let mut known = lock(&self.known);
            known.data.pods = endpoint.known.clone();
            known.data.pods_read_at = endpoint.read_at;
            known.data.pods_attempts = Attempts { ended: endpoint.attempts, took: endpoint.took };
            known.pods_error = endpoint.error();
        }
        self.record_attempt(is_success);
    }

    /// Requests the summary. Kubelets that measure many volumes take longer than an interval. Nothing waits for them, and
    /// the summary is used with its age; with a shorter timeout it would never arrive.
    async fn fetch_summary(&self, endpoint: &mut Endpoint<Summary>) {
        let source = format!("{}/stats/summary", self.settings.url);
        let pods = lock(&self.known).data.pods.clone();
        let reader = SummaryReader::new(&source, pods.as_deref());
        let limits =
            ResponseLimits { timeout: self.settings.timeout * SUMMARY_TIMEOUT_FACTOR, ..self.limits() };
        let is_success = endpoint.fetch(&self.client(), limits, &self.status, reader).await;
        {
            let mut known = lock(&self.known);
            known.data.summary = endpoint.known.clone();
            known.data.summary_read_at = endpoint.read_at;
            known.data.summary_attempts = Attempts { ended: endpoint.attempts, took: endpoint.took };
            known.summary_error = endpoint.error();
        }
        self.record_attempt(is_success);
    }

    /// Updates the status after an attempt. The kubelet is healthy if neither document has an error.
    fn record_attempt(&self, is_success: bool) {
        let error = {
            let mut known = lock(&self.known);
            let errors: Vec<&str> =
                [&known.pods_error, &known.summary_error].into_iter().flatten().map(String::as_str).collect();
            let error = (!errors.is_empty()).then(|| errors.join("; "));
            known.data.error.clone_from(&error);
            error
        };
        match error {
            Some(error) if !is_success => {
                self.status.failed(error);
                self.reload_authorities();
            }
            Some(_) => {}
            None => self.status.succeeded(),
        }
    }

    fn data(&self) -> Arc<KubeletData> {
        Arc::new(lock(&self.known).data.clone())
    }

    /// Creates a new client after a failure if the CA files have been replaced.
    fn reload_authorities(&self) {
        let Ok(authorities) = authorities(&self.settings) else { return };
        let mut client_state = lock(&self.client_state);
        if authorities != client_state.authorities
            && let Ok(client) = client(&self.settings, &authorities)
        {
            tracing::info!(
                url = self.settings.url,
                "the kubelet's CA files have changed and were loaded again"
            );
            *client_state = ClientState { authorities, client };
        }
    }
}

fn client(
    settings: &KubeletSettings,
    authorities: &[CertificateDer<'static>],
) -> Result<kube::Client, ClientError> {
    const SERVER: &str = "the kubelet";
    let Address { uri, interface, is_secure } = Address::parse(&settings.url)?;
    let mut server = ServerSettings::new(SERVER, uri);
    server.token = settings.token_file.clone().filter(|_| is_secure).map(Token::new);
    server.interface = interface;
    server.tls.roots = Roots::Certificates(authorities.to_vec());
    server.tls.insecure = settings.insecure;
    if let Some(name) = &settings.server_name {
        let name = name.clone().try_into().map_err(|_| ClientError::Setup {
            server: SERVER.into(),
            error: format!("`kubelet.server_name` {name:?} is not a DNS name or an IP address"),
        })?;
        server.tls.server_name = Some(name);
    }
    connect(server, Arc::<Traffic>::default())
}
