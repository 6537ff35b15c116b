//! The kubelet of this node: its pods and their file systems, with the age of what is known.
//!
//! ```text
//! fetch: GET /pods            one list,       over one kept connection,
//!        GET /stats/summary   one summary     once a call: the caller's tick is all the load there is
//! ```
//!
//! Each of the two has its own last-known answer, with its age: a summary that is slow or forbidden costs the pods nothing,
//! neither their figures nor time. What was read stays until something newer was read; an answer that cannot be right never
//! replaces it. There is no back-off: who asks does so once a tick, and a kubelet that is back is seen by the next one.

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

/// How many times longer than the pods the summary may take.
const SUMMARY_PATIENCE: u32 = 3;

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
    /// For the pods, from the first byte sent to the last received; the summary may take three times as long.
    pub timeout: Duration,
    /// Labels and annotations to keep.
    pub keep: Keep,
    /// Whether to ask for `/stats/summary`.
    pub summary: bool,
    /// The most bytes that one answer may have. None of them is kept: it bounds what an answer without an end costs.
    pub max_answer_bytes: usize,
}

/// What is known, as of when.
#[derive(Clone, Debug, Default)]
pub struct KubeletData {
    /// The pods; absent until they were read once.
    pub pods: Option<Arc<PodList>>,
    /// When they had been read.
    pub pods_read_at: Option<Instant>,
    /// How asking for them went.
    pub pods_attempts: Attempts,
    /// The file systems.
    pub summary: Option<Arc<Summary>>,
    /// When they had been read.
    pub summary_read_at: Option<Instant>,
    /// How asking for them went.
    pub summary_attempts: Attempts,
    /// Why something is missing or old, and since when.
    pub error: Option<String>,
}

/// Requests for one of the two answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Those that ended, well or not.
    pub ended: u64,
    /// How long the last of them took.
    pub took: Duration,
}

/// The connection to it, and what it said last.
pub struct Kubelet {
    link: Link,
    pods: Endpoint<PodList>,
    summary: Endpoint<Summary>,
}

/// The way to it, and what both answers come to. Whatever is asked at one time shares it.
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

/// A panic elsewhere leaves whole values behind.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        let open = Mutex::new(Open { authorities, client });
        Ok(Self {
            link: Link { settings, status, open, known: Mutex::default() },
            pods: Endpoint::new("/pods"),
            summary: Endpoint::new("/stats/summary"),
        })
    }

    /// True where a summary is asked for.
    pub fn has_summary(&self) -> bool {
        self.link.settings.summary
    }

    /// Asks for both, one after the other, and says what is known then. Never fails, and takes no longer than four times the timeout.
    pub async fn fetch(&mut self) -> Arc<KubeletData> {
        self.link.ask_pods(&mut self.pods).await;
        if self.link.settings.summary {
            self.link.ask_summary(&mut self.summary).await;
        }
        self.link.data()
    }

    /// Asks whenever `asked` says so, and publishes what is known after each of the two answers: nobody who needs the pods
    /// waits for the summary. That is asked for after them, over the same connection, unless an earlier request for it is
    /// still under way. Ends when nobody can ask any more.
    pub async fn serve(self, mut asked: mpsc::Receiver<()>, known: watch::Sender<Arc<KubeletData>>) {
        let Self { link, mut pods, mut summary } = self;
        let (pods_came, mut summary_asked) = mpsc::channel(1);
        let lists = async {
            // Its end ends the other loop.
            let pods_came = pods_came;
            while asked.recv().await.is_some() {
                link.ask_pods(&mut pods).await;
                known.send_replace(link.data());
                // Full: one that is under way or about to be counts for this question, too.
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

    /// Kubelets that measure many volumes take longer than an interval. Nobody waits for them, and what they say is used with its
    /// age; given up too early, it would never come.
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

    /// After an attempt. The kubelet is well when neither answer fails.
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

    /// After a failure: with the CA files as they are now, should they have been replaced.
    fn renew(&self) {
        let Ok(authorities) = authorities(&self.settings) else { return };
        let mut open = locked(&self.open);
        if authorities != open.authorities
            && let Ok(client) = client(&self.settings, &authorities)
        {
            tracing::info!(url = self.settings.url, "the kubelet's CA files were replaced and are read anew");
            *open = Open { authorities, client };
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

/// Longest file of authorities, bytes; all that the systems of this world trust take 250 KB.
const MAX_AUTHORITIES: u64 = 4 << 20;

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, ClientError> {
    let wrong = |error: String| ClientError::File {
        path: path.to_owned(),
        error,
        hint: "`kubelet.ca_files` names the authorities (PEM) that may sign the kubelet's certificate; \
               none means the CA of the service account",
    };
    let pem = read_regular(path, MAX_AUTHORITIES).map_err(|error| wrong(error.to_string()))?;
    let found: Result<Vec<Vec<u8>>, _> =
        CertificateDer::pem_slice_iter(&pem).map(|one| one.map(|der| der.to_vec())).collect();
    match found {
        Ok(found) if found.is_empty() => Err(wrong("no certificate in it".into())),
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
