//! What stands around the objects: versions, refusals, queries.

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
use insightd_peer::Status;

/// Of an answer that is an error.
const ERROR_BYTES: usize = 64 * 1024;

/// Between two lines of the log about objects that are left out.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Objects that could not be read; one broken object is no reason to forget the others.
pub(super) struct LeftOut<'s> {
    resource: &'static str,
    status: &'s Status,
    malformed: u64,
    too_large: u64,
    too_many: u64,
    first: Option<String>,
    said: Option<Instant>,
}

impl<'s> LeftOut<'s> {
    pub(super) fn new(resource: &'static str, status: &'s Status) -> Self {
        Self { resource, status, malformed: 0, too_large: 0, too_many: 0, first: None, said: None }
    }

    /// An object was read, or not.
    pub(super) fn note(&mut self, result: Result<(), serde_json::Error>, object: &[u8]) {
        if let Err(error) = result {
            self.malformed += 1;
            self.status.left_out(1);
            let begins = String::from_utf8_lossy(&object[..object.len().min(80)]).into_owned();
            self.first
                .get_or_insert_with(|| format!("{}; it begins {begins:?}", shortened(error.to_string())));
        }
    }

    /// An object has more bytes than are held.
    pub(super) fn too_large(&mut self) {
        self.too_large += 1;
        self.status.left_out(1);
    }

    /// There was no room for so many objects.
    pub(super) fn too_many(&mut self, objects: u64) {
        self.too_many += objects;
        self.status.left_out(objects);
    }

    /// Logs what came together, once a minute at most.
    pub(super) fn report(&mut self) {
        let is_new = self.malformed + self.too_large + self.too_many > 0;
        if !is_new || self.said.is_some_and(|said| said.elapsed() < SAY_EVERY) {
            return;
        }
        let Self { resource, malformed, too_large, too_many, .. } = *self;
        let first = self.first.take();
        tracing::warn!(
            resource,
            malformed,
            too_large,
            too_many,
            first,
            "objects of the API server are left out"
        );
        (self.malformed, self.too_large, self.too_many) = (0, 0, 0);
        self.said = Some(Instant::now());
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

/// Reads a refusal, be it the API's `Status` or a proxy's page, for at most `patience` in all.
pub(crate) async fn status_of(response: Response<Body>, patience: Duration) -> ApiStatus {
    let code = response.status().as_u16();
    // Nobody asked for it; decoded text is not worth a decoder here.
    let is_encoded = response.headers().contains_key(CONTENT_ENCODING);
    let until = Instant::now() + patience;
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
