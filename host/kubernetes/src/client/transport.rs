//! The HTTP transport under `kube::Client`, for the API server and for the kubelet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::TryFutureExt;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use http_body_util::combinators::MapErr;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::Body;
use kube::client::middleware::BaseUriLayer;
use tower::{BoxError, ServiceBuilder};

use super::explain::into_cause;
use super::tls::client_config;
use super::{ClientError, Roots, ServerSettings, Token};

/// Timeout of the TCP connection. A reachable server accepts within milliseconds; a lost SYN is sent again after 1 and 3 s.
const CONNECT: Duration = Duration::from_secs(5);

/// Timeout of name resolution, TCP, TLS and the response head. A busy API server queues requests for up to a minute, and
/// rejects them by then.
const HEAD: Duration = Duration::from_secs(30);

/// Idle timeout: a connection survives the pause between two ticks of one minute.
const IDLE: Duration = Duration::from_secs(90);

/// Read buffer of one connection. The default is 400 KiB, which a response of some megabytes would fill.
const BUFFER_BYTES: usize = 64 * 1024;

/// Traffic of one client.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: AtomicU64,
    received_bytes: AtomicU64,
}

impl Traffic {
    /// Requests sent, including those without a response.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes of response bodies received.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes.load(Ordering::Relaxed)
    }
}

/// The head of a response did not arrive in time.
#[derive(Debug, thiserror::Error)]
#[error("no response within {} s", HEAD.as_secs())]
pub(super) struct NoResponse;

type RequestBody = MapErr<Body, fn(kube::Error) -> BoxError>;

type Http = hyper_util::client::legacy::Client<HttpsConnector<HttpConnector<Resolver>>, RequestBody>;

/// A name could not be resolved. A separate type, because the system's error has no kind for it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct DnsError(pub(super) std::io::Error);

/// The system's resolver, with its errors wrapped in [`DnsError`].
#[derive(Clone)]
struct Resolver(GaiResolver);

impl tower::Service<Name> for Resolver {
    type Response = <GaiResolver as tower::Service<Name>>::Response;
    type Error = DnsError;
    type Future = futures_util::future::MapErr<
        <GaiResolver as tower::Service<Name>>::Future,
        fn(std::io::Error) -> DnsError,
    >;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), DnsError>> {
        self.0.poll_ready(context).map_err(DnsError)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        self.0.call(name).map_err(DnsError)
    }
}

struct Transport {
    http: Http,
    token: Option<Token>,
    user_agent: Option<HeaderValue>,
    traffic: Arc<Traffic>,
}

/// Creates a client for a server.
///
/// Must be called within the runtime: `kube::Client` spawns a task.
///
/// # Errors
/// If a certificate cannot be used.
pub(crate) fn connect(settings: ServerSettings, traffic: Arc<Traffic>) -> Result<kube::Client, ClientError> {
    let ServerSettings { server, url, namespace, token, user_agent, interface, mut tls } = settings;
    let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
    if let Some(interface) = interface {
        tcp.set_interface(interface);
    }
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    // Detects a vanished server within a minute, independent of the request that waits for it.
    tcp.set_keepalive(Some(Duration::from_secs(30)));
    tcp.set_keepalive_interval(Some(Duration::from_secs(10)));
    tcp.set_keepalive_retries(Some(3));
    if url.scheme() != Some(&Scheme::HTTPS) {
        // The system's authorities are not read for nothing.
        tls.roots = Roots::Certificates(Vec::new());
    }
    let server_name = tls.server_name.take();
    let mut connector =
        HttpsConnectorBuilder::new().with_tls_config(client_config(tls, server)?).https_or_http();
    if let Some(name) = server_name {
        connector = connector.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let http = hyper_util::client::legacy::Builder::new(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(1)
        .http1_max_buf_size(BUFFER_BYTES)
        .build(connector.enable_http1().wrap_connector(tcp));
    let transport = Arc::new(Transport { http, token, user_agent, traffic });
    let service = ServiceBuilder::new().layer(BaseUriLayer::new(url)).service_fn(move |request| {
        let transport = Arc::clone(&transport);
        async move { transport.send(request).await }
    });
    Ok(kube::Client::new(service, namespace))
}

impl Transport {
    /// Sends the request, and sends it again if the server rejected the token and the file has changed since.
    async fn send(
        &self,
        mut request: Request<Body>,
    ) -> Result<
        Response<impl hyper::body::Body<Data = hyper::body::Bytes, Error = hyper::Error> + use<>>,
        BoxError,
    > {
        if let Some(user_agent) = &self.user_agent {
            request.headers_mut().insert(USER_AGENT, user_agent.clone());
        }
        let Some(token) = &self.token else { return self.send_once(request).await };
        let header = token.header()?;
        let retry = copy_request(&request);
        set_authorization(request.headers_mut(), header.clone());
        let response = self.send_once(request).await?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(mut retry) = retry
            && let Some(newer) = token.newer_than(&header)
        {
            set_authorization(retry.headers_mut(), newer);
            return self.send_once(retry).await;
        }
        Ok(response)
    }

    async fn send_once(
        &self,
        request: Request<Body>,
    ) -> Result<
        Response<impl hyper::body::Body<Data = hyper::body::Bytes, Error = hyper::Error> + use<>>,
        BoxError,
    > {
        self.traffic.requests.fetch_add(1, Ordering::Relaxed);
        let request = request.map(|body| body.map_err(into_cause as fn(kube::Error) -> BoxError));
        let response =
            tokio::time::timeout(HEAD, self.http.request(request)).await.map_err(|_| NoResponse)??;
        let traffic = Arc::clone(&self.traffic);
        Ok(response.map(|body| {
            body.map_frame(move |frame| {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                traffic.received_bytes.fetch_add(bytes, Ordering::Relaxed);
                frame
            })
        }))
    }
}

fn set_authorization(headers: &mut HeaderMap, authorization: HeaderValue) {
    headers.insert(AUTHORIZATION, authorization);
}

fn copy_request(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{Response, Server};
    use crate::client::tls::certificates;
    use crate::client::{explain, explain_for};

    async fn get(client: &kube::Client) -> Result<String, kube::Error> {
        let request = Request::get("/pods").body(Vec::new()).map_err(kube::Error::HttpError)?;
        client.request_text(request).await
    }

    #[tokio::test]
    async fn traffic_is_counted_and_the_connection_is_reused() {
        let slow = Response::ok().send("four").pause(Duration::from_millis(5)).send("more");
        let server = Server::start(move |_, _| slow.clone()).await;
        let (client, traffic) = server.client_with(None);
        for _ in 0..3 {
            assert_eq!(get(&client).await.unwrap(), "fourmore");
        }
        assert_eq!((traffic.requests(), traffic.received_bytes()), (3, 24));
        assert_eq!(server.connections(), 1);
    }

    #[tokio::test]
    async fn a_replaced_token_is_used_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "old").unwrap();
        let server = Server::start(|_, request| match request.header("authorization") {
            Some("Bearer new") => Response::ok().send("welcome"),
            _ => Response::status(401).send("Unauthorized"),
        })
        .await;
        let (client, _) = server.client_with(Some(Token::new(path.clone())));
        let error = get(&client).await.unwrap_err();
        let text = explain(&error, "get", "pods");
        assert!(text.contains("401") && !text.contains("old"), "{text}");
        assert_eq!(server.requests().len(), 1, "the same token is not offered twice");
        std::fs::write(&path, "new").unwrap();
        assert_eq!(get(&client).await.unwrap(), "welcome");
        assert_eq!(server.requests().len(), 3);
        assert_eq!(get(&client).await.unwrap(), "welcome");
        assert_eq!(server.requests().len(), 4, "and kept");
    }

    #[tokio::test]
    async fn certificates_are_verified() {
        let server = Server::start_tls(|_, _| Response::ok().send("hello")).await;
        let tls = |ca: &[u8], name: Option<&str>, insecure| {
            let mut settings = server.settings();
            settings.tls.roots = Roots::Certificates(certificates(ca).unwrap());
            settings.tls.server_name = name.map(|name| name.to_owned().try_into().unwrap());
            settings.tls.insecure = insecure;
            connect(settings, Arc::default()).unwrap()
        };
        let (own, other) = (
            include_bytes!("../../tests/data/tls/ca.pem").as_slice(),
            include_bytes!("../../tests/data/tls/other-ca.pem").as_slice(),
        );
        assert_eq!(get(&tls(own, None, false)).await.unwrap(), "hello");
        assert_eq!(get(&tls(own, Some("node-a.example"), false)).await.unwrap(), "hello");
        assert_eq!(get(&tls(other, None, true)).await.unwrap(), "hello", "as configured");
        let text = |error| explain_for(crate::client::Upstream::Kubelet, &error, "get", "/pods");
        let unknown = text(get(&tls(other, None, false)).await.unwrap_err());
        assert!(unknown.contains("not signed by a trusted CA") && unknown.contains("ca_files"), "{unknown}");
        let name = text(get(&tls(own, Some("node-b.example"), false)).await.unwrap_err());
        assert!(name.contains("another name") && name.contains("node-b.example"), "{name}");
    }

    #[tokio::test]
    async fn unreachable_servers_are_explained() {
        let gone = Server::start(|_, _| Response::ok()).await;
        let client = gone.client();
        drop(gone);
        tokio::task::yield_now().await;
        let text = explain(&get(&client).await.unwrap_err(), "get", "pods");
        assert!(text.contains("connection refused"), "{text}");

        let settings = ServerSettings::new("the test", "http://no-such-host.invalid".parse().unwrap());
        let client = connect(settings, Arc::default()).unwrap();
        let text = explain(&get(&client).await.unwrap_err(), "get", "pods");
        assert!(text.contains("DNS"), "{text}");

        let plain = Server::start(|_, _| Response::ok()).await;
        let settings = ServerSettings::new("the test", plain.url.replace("http:", "https:").parse().unwrap());
        let client = connect(settings, Arc::default()).unwrap();
        let text = explain(&get(&client).await.unwrap_err(), "get", "pods");
        assert!(text.contains("TLS with the API server") || text.contains("closed the connection"), "{text}");
    }
}
