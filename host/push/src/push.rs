//! The transport: sends a body of the spool as one request.

use std::error::Error;
use std::sync::Mutex;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use insightd_delivery::{Reply, RetryClass, Transport};
use insightd_upstream::error_text::causes;
use insightd_upstream::lock;

use crate::body::{BodyKind, Encoding};
use crate::client::ClientCache;
use crate::headers;
use crate::otlp::PartialSuccess;
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
    /// Address of the endpoint for error texts.
    what: String,
    /// The last message of a partial success, so that it is logged once.
    partial: Mutex<String>,
}

/// A request without a response.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("request timed out after {0} s")]
    Timeout(u64),
    #[error("server unreachable: {0}")]
    Connect(String),
    #[error("connection lost: {0}")]
    Lost(String),
    #[error("cannot read the response ({status}): {error}")]
    Response { status: u16, error: String },
}

impl Push {
    /// Creates a transport to the endpoint of `settings`. `signer` signs each request.
    pub fn new(settings: PushSettings, protocol: Protocol, signer: Option<Box<dyn Signer>>) -> Self {
        let what = settings.endpoint.to_string();
        Self { settings, protocol, signer, clients: ClientCache::new(), what, partial: Mutex::default() }
    }

    /// Returns the request.
    ///
    /// # Errors
    /// The text of an unusable header, credential or address.
    async fn request(&self, kind: &BodyKind, body: Bytes) -> Result<Request<Full<Bytes>>, String> {
        let endpoint = &self.settings.endpoint;
        let host = endpoint.authority().map_or("", |authority| authority.as_str());
        let mut headers = HeaderMap::new();
        let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
        headers.insert(HOST, value(host)?);
        headers.insert(CONTENT_TYPE, value(&kind.content_type)?);
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
            headers.extend(signature);
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers::add(&mut headers, &self.settings.headers).map_err(|error| error.to_string())?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    async fn exchange(
        &self,
        client: &crate::client::HttpClient,
        request: Request<Full<Bytes>>,
    ) -> Result<Received, SendError> {
        let response = client.send(request).await.map_err(|error| {
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

    /// Logs what the server did not accept, unless it gave the same message before.
    fn log_partial(&self, partial: &PartialSuccess) {
        let mut last = lock(&self.partial);
        if *last == partial.message && (partial.rejected == 0 || !last.is_empty()) {
            return;
        }
        last.clone_from(&partial.message);
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
        let Some(kind) = BodyKind::from_key(key) else {
            return Reply::Undeliverable("a spool block has no media type".to_owned());
        };
        let client = match self.clients.get(&self.settings) {
            Ok(client) => client,
            Err(error) => return self.retry(RetryClass::Refused, &error),
        };
        let request = match self.request(&kind, Bytes::from(body)).await {
            Ok(request) => request,
            Err(error) => return self.retry(RetryClass::Refused, &error),
        };
        let timeout = self.settings.timeout;
        let exchanged = tokio::time::timeout(timeout, self.exchange(&client, request)).await;
        let response = match exchanged.unwrap_or(Err(SendError::Timeout(timeout.as_secs()))) {
            Ok(response) => response,
            Err(error) => return self.retry(RetryClass::Unavailable, &error),
        };
        let (reply, partial) = self.protocol.interpret(&self.what, &response);
        if partial.rejected > 0 || !partial.message.is_empty() {
            self.log_partial(&partial);
        }
        if matches!(response.status.as_u16(), 401 | 403)
            && let Some(signer) = &self.signer
            && signer.rejected(Some(response.header(DATE)).filter(|date| !date.is_empty()))
            && let Reply::Retry { only_destination, error, .. } = reply
        {
            return Reply::Retry { retry_class: RetryClass::Unavailable, only_destination, error };
        }
        reply
    }
}
