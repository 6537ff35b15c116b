//! Parsing around the objects: versions, error statuses, query escapes.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, RETRY_AFTER};
use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::core::Status as ApiStatus;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::problem::shortened;
use crate::text::Text;
use insightd_upstream::UpstreamStatus;

/// Bytes that are read of an error response.
const ERROR_BYTES: usize = 64 * 1024;

/// Interval between two log messages about objects that were left out.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Objects that could not be read; one broken object does not discard the others.
pub(super) struct SkippedObjects<'s> {
    resource: &'static str,
    status: &'s UpstreamStatus,
    malformed: u64,
    too_large: u64,
    too_many: u64,
    first: Option<String>,
    logged_at: Option<Instant>,
}

impl<'s> SkippedObjects<'s> {
    pub(super) fn new(resource: &'static str, status: &'s UpstreamStatus) -> Self {
        Self { resource, status, malformed: 0, too_large: 0, too_many: 0, first: None, logged_at: None }
    }

    /// Counts the object if it could not be read.
    pub(super) fn record(&mut self, result: Result<(), serde_json::Error>, object: &[u8]) {
        if let Err(error) = result {
            self.malformed += 1;
            self.status.left_out(1);
            let begins = String::from_utf8_lossy(&object[..object.len().min(80)]).into_owned();
            self.first.get_or_insert_with(|| {
                format!("{}; it begins with {begins:?}", shortened(error.to_string()))
            });
        }
    }

    /// Counts an object that is larger than the buffer.
    pub(super) fn too_large(&mut self) {
        self.too_large += 1;
        self.status.left_out(1);
    }

    /// Counts objects for which there was no memory.
    pub(super) fn too_many(&mut self, objects: u64) {
        self.too_many += objects;
        self.status.left_out(objects);
    }

    /// Logs the objects counted since the last message, at most once a minute.
    pub(super) fn report(&mut self) {
        let is_new = self.malformed + self.too_large + self.too_many > 0;
        if !is_new || self.logged_at.is_some_and(|logged_at| logged_at.elapsed() < LOG_INTERVAL) {
            return;
        }
        let Self { resource, malformed, too_large, too_many, .. } = *self;
        let first = self.first.take();
        tracing::warn!(resource, malformed, too_large, too_many, first, "skipped objects of the API server");
        (self.malformed, self.too_large, self.too_many) = (0, 0, 0);
        self.logged_at = Some(Instant::now());
    }
}

/// Reads `metadata.resourceVersion`.
pub(super) fn resource_version(object: &[u8]) -> Option<String> {
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

/// Reads `Retry-After` in seconds; the API server does not use the other form, a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Reads an error response, either the API's `Status` or a proxy's page, within at most `limit` in all.
pub(crate) async fn read_status(response: Response<Body>, limit: Duration) -> ApiStatus {
    let code = response.status().as_u16();
    // Compression was not requested for this text, and an error text is not worth a decoder.
    let is_encoded = response.headers().contains_key(CONTENT_ENCODING);
    let until = Instant::now() + limit;
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while bytes.len() < ERROR_BYTES && !is_encoded {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let data = frame.data_ref().map(|data| data.as_ref()).unwrap_or_default();
                bytes.extend_from_slice(&data[..data.len().min(ERROR_BYTES - bytes.len())]);
            }
            _ => break,
        }
    }
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| ApiStatus::failure(&shortened(String::from_utf8_lossy(&bytes).into_owned()), ""))
        .with_code(code)
}

/// Percent-encodes a text for a query.
pub(crate) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            // Writing into a String cannot fail.
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}
