//! What stands around the objects: versions, refusals, queries.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::core::Status as ApiStatus;
use serde::Deserialize;
use tokio::time::timeout;

use crate::problem::shortened;
use crate::text::Text;

/// Of an answer that is an error.
const ERROR_BYTES: usize = 64 * 1024;

/// Objects that could not be read; one broken object is no reason to forget the others.
pub(super) struct Malformed {
    resource: &'static str,
    count: u64,
    first: Option<String>,
}

impl Malformed {
    pub(super) fn new(resource: &'static str) -> Self {
        Self { resource, count: 0, first: None }
    }

    pub(super) fn note(&mut self, result: Result<(), serde_json::Error>, object: &[u8]) {
        if let Err(error) = result {
            self.count += 1;
            let begins = String::from_utf8_lossy(&object[..object.len().min(80)]).into_owned();
            self.first
                .get_or_insert_with(|| format!("{}; it begins {begins:?}", shortened(error.to_string())));
        }
    }

    /// Says so once for what came together.
    pub(super) fn report(&mut self) {
        if let Some(first) = self.first.take() {
            let (resource, count) = (self.resource, self.count);
            tracing::warn!(resource, count, "objects of the API server are malformed and left out: {first}");
            self.count = 0;
        }
    }
}

/// `metadata.resourceVersion`.
pub(super) fn version_of(object: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow)]
        metadata: Metadata<'a>,
    }
    #[derive(Deserialize)]
    struct Metadata<'a> {
        #[serde(rename = "resourceVersion", borrow)]
        version: Text<'a>,
    }
    let object: Object<'_> = serde_json::from_slice(object).ok()?;
    Some(object.metadata.version.as_str().to_owned()).filter(|version| !version.is_empty())
}

/// Seconds; the other form, a date, is not what the API server writes.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// What a refusal says, be it the API's `Status` or a proxy's page.
pub(crate) async fn status_of(response: Response<Body>, idle: Duration) -> ApiStatus {
    let code = response.status().as_u16();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while bytes.len() < ERROR_BYTES {
        match timeout(idle, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                bytes.extend(frame.data_ref().map(|data| data.as_ref()).unwrap_or_default())
            }
            _ => break,
        }
    }
    bytes.truncate(ERROR_BYTES);
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| ApiStatus::failure(&shortened(String::from_utf8_lossy(&bytes).into_owned()), ""))
        .with_code(code)
}

/// For a query.
pub(crate) fn escaped(text: &str) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            // Writing into a String does not fail.
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}
