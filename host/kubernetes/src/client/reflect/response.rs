//! One request to the API server, and its response in pieces.

use std::io;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use kube::client::Body;
use tokio::time::{Instant, timeout_at};

use super::WatchSpec;
use super::end::End;
use super::run::Reflector;
use super::wire::{percent_encoded, read_status, retry_after};
use crate::client::explain;
use crate::stream::gunzip::Gunzip;
use crate::stream::list::ListError;

/// The body of a response and its decoder.
pub(super) struct ResponseStream {
    body: Body,
    gunzip: Option<Gunzip>,
}

/// An error that makes a list unreadable.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The response is not a complete, well-formed list.
    #[error(transparent)]
    List(#[from] ListError),
    /// The response cannot be decompressed.
    #[error("cannot decompress the response: {0}")]
    Encoding(#[from] io::Error),
}

impl ResponseStream {
    /// Returns the next bytes as received, or `None` inside at the end; `None` outside if nothing arrived until `until`.
    pub(super) async fn next(&mut self, until: Instant) -> Option<Result<Option<Bytes>, kube::Error>> {
        loop {
            match timeout_at(until, self.body.frame()).await.ok()? {
                None => return Some(Ok(None)),
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Some(Ok(Some(bytes)));
                    }
                }
            }
        }
    }

    /// Decodes `bytes` and passes them to `each` in pieces of bounded size.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        each: &mut dyn FnMut(&[u8]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        match &mut self.gunzip {
            Some(gunzip) => gunzip.push(bytes, each),
            None => each(bytes),
        }
    }

    /// Ends decoding after the last bytes.
    pub(super) fn finish(
        &mut self,
        each: &mut dyn FnMut(&[u8]) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        self.gunzip.take().map_or(Ok(()), |gunzip| gunzip.finish(each))
    }
}

impl Reflector<'_> {
    pub(super) async fn request(&self, verb: &str, query: &str) -> Result<ResponseStream, End> {
        let WatchSpec { path, resource, .. } = self.spec;
        let mut uri = format!("{path}?{query}");
        for (key, selector) in
            [("fieldSelector", &self.spec.field_selector), ("labelSelector", &self.spec.label_selector)]
        {
            if let Some(selector) = selector {
                uri.push_str(&format!("&{key}={}", percent_encoded(selector)));
            }
        }
        let is_list = verb == "list";
        let accept = match (self.spec.metadata_only, is_list) {
            (false, _) => "application/json",
            (true, true) => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            (true, false) => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
        };
        self.status.requested();
        let explained = |error| End::Failed {
            error_text: explain(&error, verb, resource),
            retry_after: None,
            relist: false,
        };
        let mut request = Request::get(uri).header(ACCEPT, accept);
        if is_list {
            // The server compresses lists of at least 128 KiB, and does not compress watches.
            request = request.header(ACCEPT_ENCODING, "gzip");
        }
        let request =
            request.body(Body::empty()).map_err(|error| explained(kube::Error::HttpError(error)))?;
        let response = self.client.send(request).await.map_err(explained)?;
        if response.status().is_success() {
            let gunzip = self.gunzip(verb, response.headers())?;
            return Ok(ResponseStream { body: response.into_body(), gunzip });
        }
        let retry_after = retry_after(response.headers());
        let status = read_status(response, self.timing.list_idle).await;
        Err(self.status_end(verb, status, retry_after))
    }

    fn gunzip(&self, verb: &str, headers: &HeaderMap) -> Result<Option<Gunzip>, End> {
        match headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes()) {
            None | Some(b"identity") => Ok(None),
            Some(b"gzip") if verb == "list" => Ok(Some(Gunzip::new())),
            Some(_) => {
                Err(self.failure_end(verb, "the response has a content encoding that was not requested"))
            }
        }
    }
}

/// Longest time that a whole list may take, including all its pages: the server ends a single response after one minute.
pub(super) const MAX_LIST_TIME: Duration = Duration::from_secs(300);
