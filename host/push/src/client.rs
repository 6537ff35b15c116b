//! The HTTP client of one endpoint, renewed when a certificate file changes.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use http::Uri;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use insightd_upstream::lock;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt};

use crate::settings::{PushSettings, TlsSettings};
use crate::tls::{self, TlsError};

/// Time limit for establishing a TCP connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Idle time after which a connection is closed: longer than the usual tick interval, so that ticks share a connection.
const IDLE: Duration = Duration::from_secs(90);

/// Read buffer of a connection, which also bounds the head of a response. The default is 400 KiB.
const BUFFER_BYTES: usize = 64 << 10;

/// Connects directly, or through the proxy of the environment. Boxed, because a client for each kind of connection is a tenth of a megabyte.
type Connector = BoxCloneSyncService<Uri, TokioIo<TcpStream>, BoxError>;

/// The HTTP client of one endpoint.
pub(crate) type HttpClient = Client<HttpsConnector<Connector>, Full<Bytes>>;

/// Creates and keeps the client.
pub(crate) struct ClientCache {
    current: Mutex<Option<(Vec<Stamp>, HttpClient)>>,
    proxies: Matcher,
}

/// Identity of a file's content, as far as the file system tells.
type Stamp = Option<(u64, u64, i64, i64, u64)>;

impl ClientCache {
    /// Creates an empty cache. Proxies are those of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
    pub(crate) fn new() -> Self {
        Self { current: Mutex::default(), proxies: Matcher::from_env() }
    }

    /// Returns the client; a new one if a certificate file has changed since.
    ///
    /// # Errors
    /// An unusable certificate file.
    pub(crate) fn get(&self, settings: &PushSettings) -> Result<HttpClient, TlsError> {
        let stamps = stamps(&settings.tls);
        let mut current = lock(&self.current);
        if let Some((known, client)) = &*current
            && *known == stamps
        {
            return Ok(client.clone());
        }
        let client = self.create(&settings.endpoint, tls::config(&settings.tls)?);
        *current = Some((stamps, client.clone()));
        Ok(client)
    }

    fn create(&self, endpoint: &Uri, tls: ClientConfig) -> HttpClient {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = match self.proxies.intercept(endpoint) {
            None => Connector::new(tcp.map_err(BoxError::from)),
            Some(proxy) => {
                let mut tunnel = Tunnel::new(proxy.uri().clone(), tcp);
                if let Some(auth) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                Connector::new(tunnel.map_err(BoxError::from))
            }
        };
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .http1_max_buf_size(BUFFER_BYTES)
            .build(https.wrap_connector(connector))
    }
}

impl std::fmt::Debug for ClientCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCache").finish_non_exhaustive()
    }
}

fn stamps(tls: &TlsSettings) -> Vec<Stamp> {
    let identity = tls.identity.as_ref().map(|identity| [&identity.cert_file, &identity.key_file]);
    let stamp = |path: &Path| {
        let file = path.metadata().ok()?;
        Some((file.dev(), file.ino(), file.mtime(), file.mtime_nsec(), file.len()))
    };
    tls.ca_file.iter().chain(identity.into_iter().flatten()).map(|path| stamp(path)).collect()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A proxy that records the first bytes of a connection and refuses it.
    #[tokio::test]
    async fn a_proxy_is_asked_for_a_tunnel() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            socket.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.unwrap();
            String::from_utf8(head).unwrap()
        });
        let cache = ClientCache {
            current: Mutex::default(),
            proxies: Matcher::builder()
                .https(format!("http://user:secret@{address}"))
                .no("direct.example")
                .build(),
        };
        let settings = |endpoint: &'static str| PushSettings {
            endpoint: Uri::from_static(endpoint),
            headers: Vec::new(),
            tls: TlsSettings::default(),
            timeout: Duration::from_secs(5),
        };
        let tls = || tls::config(&TlsSettings::default()).unwrap();
        let is_proxied = |endpoint| cache.proxies.intercept(&settings(endpoint).endpoint).is_some();
        assert!(!is_proxied("https://direct.example/v1/metrics"));
        let proxied = settings("https://collector.example/v1/metrics");
        let client = cache.create(&proxied.endpoint, tls());
        let mut request = http::Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = proxied.endpoint;
        let error = client.request(request).await.unwrap_err();
        assert!(error.is_connect());
        let head = proxy.await.unwrap();
        assert!(head.starts_with("CONNECT collector.example:443 HTTP/1.1\r\n"), "{head}");
        assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic "), "{head}");
    }
}
