//! The transport: sends a body of the spool as one request.

use std::error::Error;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use insightd_delivery::{Reply, RetryClass, Transport};
use insightd_upstream::error_text::causes;
use insightd_upstream::lock;

use crate::body::{BodyKind, Encoding};
use crate::client::{ClientCache, HttpClient};
use crate::headers;
use crate::otlp::PartialSuccess;
use crate::remote_write::{self, Version};
use crate::response::{Protocol, Received};
use crate::settings::PushSettings;
use crate::sign::{Signer, Unsigned};

/// Maximum size of a response body, bytes. A longer one is an error.
const MAX_RESPONSE_BYTES: usize = 64 << 10;

/// Name and version of the program, for the server's log.
const AGENT: &str = concat!("insightd/", env!("CARGO_PKG_VERSION"));

/// Delivers bodies to one endpoint.
#[derive(Debug)]
pub struct Push {
    settings: PushSettings,
    protocol: Protocol,
    signer: Option<Box<dyn Signer>>,
    clients: ClientCache,
    /// The endpoint knows only version 1.0 of remote write.
    only_version_1: AtomicBool,
    /// Address of the endpoint for error texts.
    what: String,
    /// Message of the last response if it was a partial success, so that each is logged once.
    partial: Mutex<Option<String>>,
}

/// A request without a response.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("{0}")]
    Request(String),
    #[error("request timed out after {0} s")]
    Timeout(u64),
    #[error("server unreachable: {0}")]
    Connect(String),
    #[error("connection lost: {0}")]
    Lost(String),
    #[error("cannot read the response ({status}): {error}")]
    Response { status: u16, error: String },
}

impl SendError {
    fn retry_class(&self) -> RetryClass {
        match self {
            // Credentials or files have to be mended first.
            Self::Request(_) => RetryClass::Refused,
            _ => RetryClass::Unavailable,
        }
    }
}

impl Push {
    /// Creates a transport to the endpoint of `settings`. `signer` signs each request.
    pub fn new(settings: PushSettings, protocol: Protocol, signer: Option<Box<dyn Signer>>) -> Self {
        let what = settings.endpoint.to_string();
        let only_version_1 = AtomicBool::new(protocol == Protocol::RemoteWrite(Version::One));
        let (clients, partial) = (ClientCache::new(), Mutex::default());
        Self { settings, protocol, signer, clients, only_version_1, what, partial }
    }

    /// Returns the request, and the revision of its signature.
    ///
    /// # Errors
    /// The text of an unusable header, credential or address.
    async fn request(&self, kind: &BodyKind, body: Bytes) -> Result<(Request<Full<Bytes>>, u64), String> {
        let endpoint = &self.settings.endpoint;
        let host = endpoint.authority().map_or("", |authority| authority.as_str());
        let (mut headers, mut revision) = (HeaderMap::new(), 0);
        let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
        headers.insert(HOST, value(host)?);
        headers.insert(CONTENT_TYPE, value(&kind.content_type)?);
        if self.protocol != Protocol::Otlp {
            let version = remote_write::version_of(&kind.content_type);
            headers.insert(HeaderName::from_static(remote_write::VERSION), HeaderValue::from_static(version));
        }
        if kind.encoding != Encoding::Identity {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(kind.encoding.as_str()));
        }
        if let Some(signer) = &self.signer {
            let signed: Vec<(&str, &str)> = headers
                .iter()
                .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
                .collect();
            let unsigned = Unsigned { uri: endpoint, headers: &signed, body: &body };
            let signature = signer.sign(unsigned).await.map_err(|error| error.to_string())?;
            headers.extend(signature.headers);
            revision = signature.revision;
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers::add(&mut headers, &self.settings.headers).map_err(|error| error.to_string())?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.clone();
        *request.headers_mut() = headers;
        Ok((request, revision))
    }

    /// Sends one request and reads its response, within the time limit. Also returns the revision of its signature.
    async fn exchange(
        &self,
        client: &HttpClient,
        kind: &BodyKind,
        body: Bytes,
    ) -> Result<(Received, u64), SendError> {
        let (request, revision) = self.request(kind, body).await.map_err(SendError::Request)?;
        let timeout = self.settings.timeout;
        let received = tokio::time::timeout(timeout, receive(client, request)).await;
        Ok((received.unwrap_or(Err(SendError::Timeout(timeout.as_secs())))?, revision))
    }

    /// Sends a body; once more if the server rejected its signature and the next one will be another.
    async fn send_signed(
        &self,
        client: &HttpClient,
        kind: &BodyKind,
        body: Bytes,
    ) -> Result<Received, SendError> {
        let (response, revision) = self.exchange(client, kind, body.clone()).await?;
        let Some(signer) = self.signer.as_ref().filter(|_| matches!(response.status.as_u16(), 401 | 403))
        else {
            return Ok(response);
        };
        let date = Some(response.header(DATE)).filter(|date| !date.is_empty());
        if !signer.rejected(revision, date) {
            return Ok(response);
        }
        Ok(self.exchange(client, kind, body).await?.0)
    }

    /// Logs what the server did not accept, unless it gave the same message in its last response.
    fn log_partial(&self, partial: &PartialSuccess) {
        let message = (partial.rejected > 0 || !partial.message.is_empty()).then(|| partial.message.clone());
        let mut last = lock(&self.partial);
        if std::mem::replace(&mut *last, message.clone()) == message || message.is_none() {
            return;
        }
        tracing::warn!(
            endpoint = self.what,
            rejected_points = partial.rejected,
            message = partial.message.escape_debug().to_string(),
            "the server accepted a request, but not all of it"
        );
    }

    fn retry(&self, retry_class: RetryClass, error: &dyn std::fmt::Display) -> Reply {
        Reply::Retry { retry_class, only_destination: false, error: format!("{}: {error}", self.what) }
    }
}

impl Transport for Push {
    async fn send(&self, key: &[u8], _events: u32, body: Vec<u8>) -> Reply {
        let Some(mut kind) = BodyKind::from_key(key) else {
            return Reply::Undeliverable("a spool block has no media type".to_owned());
        };
        let client = match self.clients.get(&self.settings) {
            Ok(client) => client,
            Err(error) => return self.retry(RetryClass::Refused, &error),
        };
        let mut body = Bytes::from(body);
        loop {
            let is_version_2 = kind.content_type == remote_write::CONTENT_TYPE;
            if is_version_2 && self.only_version_1.load(Ordering::Relaxed) {
                let Some(converted) = remote_write::to_version_1(&body) else {
                    return Reply::Undeliverable("a spool block is not a request of remote write".to_owned());
                };
                body = converted.into();
                remote_write::CONTENT_TYPE_1.clone_into(&mut kind.content_type);
                continue;
            }
            let response = match self.send_signed(&client, &kind, body.clone()).await {
                Ok(response) => response,
                Err(failure) => return self.retry(failure.retry_class(), &failure),
            };
            let may_fall_back = is_version_2 && self.protocol == Protocol::RemoteWrite(Version::Auto);
            if may_fall_back && response.refuses_version_2() {
                if !self.only_version_1.swap(true, Ordering::Relaxed) {
                    tracing::info!(
                        endpoint = self.what,
                        "the server does not know remote write 2.0: sending 1.0"
                    );
                }
                continue;
            }
            let samples = || remote_write::samples(&body);
            let samples: Option<&dyn Fn() -> u64> = if is_version_2 { Some(&samples) } else { None };
            let (reply, partial) = self.protocol.interpret(&self.what, &response, samples);
            self.log_partial(&partial);
            return reply;
        }
    }

    fn in_order(&self) -> bool {
        self.protocol != Protocol::Otlp
    }
}

async fn receive(client: &HttpClient, request: Request<Full<Bytes>>) -> Result<Received, SendError> {
    let response = client.request(request).await.map_err(|error| {
        let text = causes(&error);
        if error.is_connect() { SendError::Connect(text) } else { SendError::Lost(text) }
    })?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await.map_err(|error| {
        let error: &(dyn Error + 'static) = &*error;
        SendError::Response { status: head.status.as_u16(), error: causes(error) }
    })?;
    Ok(Received { status: head.status, headers: head.headers, body: body.to_bytes().to_vec() })
}
