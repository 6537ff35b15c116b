//! One path of the kubelet: the last good response, and the attempts since.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::client::Body;

use crate::client::reflect::read_status;
use crate::client::{Upstream, explain_for};
use insightd_upstream::UpstreamStatus;

use super::document::{DocumentReader, ParsedDocument};

/// Limits of one response.
#[derive(Clone, Copy)]
pub(super) struct ResponseLimits {
    pub(super) timeout: Duration,
    pub(super) max_response_bytes: usize,
}

pub(super) struct Endpoint<T> {
    path: &'static str,
    pub(super) known: Option<Arc<T>>,
    pub(super) read_at: Option<Instant>,
    /// Number of elements of the last good response.
    elements: usize,
    /// Number of pods that the last good response has beyond the bounds.
    left_out: u64,
    /// `true` if the last response had no elements and was rejected as implausible.
    was_empty: bool,
    /// Attempts that ended, successful or not.
    pub(super) attempts: u64,
    /// Duration of the last of them.
    pub(super) took: Duration,
    failure: Option<(Timestamp, String)>,
}

impl<T> Endpoint<T> {
    pub(super) fn new(path: &'static str) -> Self {
        Self {
            path,
            known: None,
            read_at: None,
            elements: 0,
            left_out: 0,
            was_empty: false,
            attempts: 0,
            took: Duration::ZERO,
            failure: None,
        }
    }

    /// Returns the error of the attempts since the last good response.
    pub(super) fn error(&self) -> Option<String> {
        let (since, error_text) = self.failure.as_ref()?;
        Some(format!("kubelet {}, failing since {since:.0}: {error_text}", self.path))
    }

    /// Requests the document; returns true on success. There is no backoff: the kubelet is on this node, one request per
    /// tick is no load, and a kubelet that recovered must be noticed at once.
    pub(super) async fn fetch(
        &mut self,
        client: &kube::Client,
        limits: ResponseLimits,
        status: &UpstreamStatus,
        reader: impl DocumentReader<Document = T>,
    ) -> bool {
        let started = Instant::now();
        status.requested();
        let attempt = self.request(client, limits, status, reader);
        let result = match tokio::time::timeout(limits.timeout, attempt).await {
            Ok(result) => result,
            Err(_) => Err(format!("no complete response within {} s", limits.timeout.as_secs_f32())),
        };
        self.attempts += 1;
        let parsed = result.and_then(|parsed| self.accept(parsed, status));
        self.took = started.elapsed();
        match parsed {
            Ok(()) => {
                self.failure = None;
                true
            }
            Err(error_text) => {
                let since = self.failure.take().map_or_else(Timestamp::now, |(since, _)| since);
                self.failure = Some((since, error_text));
                false
            }
        }
    }

    /// Reads the response as it arrives: at most one pod and the kept data are in memory.
    async fn request<R: DocumentReader<Document = T>>(
        &self,
        client: &kube::Client,
        limits: ResponseLimits,
        status: &UpstreamStatus,
        mut reader: R,
    ) -> Result<ParsedDocument<T>, String> {
        let error_text = |error: &kube::Error| explain_for(Upstream::Kubelet, error, "get", self.path);
        let request = Request::get(self.path)
            .body(Body::empty())
            .map_err(|error| error_text(&kube::Error::HttpError(error)))?;
        let response = client.send(request).await.map_err(|error| error_text(&error))?;
        if !response.status().is_success() {
            let status = read_status(response, limits.timeout).await;
            return Err(error_text(&kube::Error::Api(status.boxed())));
        }
        let mut body = response.into_body();
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| error_text(&error))?;
            let Some(data) = frame.data_ref() else { continue };
            status.received(data.len() as u64);
            received += data.len();
            if received > limits.max_response_bytes {
                return Err(format!("the response exceeds {} bytes", limits.max_response_bytes));
            }
            reader.push(data).map_err(|error| error.to_string())?;
        }
        reader.finish().map_err(|error| error.to_string())
    }

    fn accept(&mut self, parsed: ParsedDocument<T>, status: &UpstreamStatus) -> Result<(), String> {
        let ParsedDocument { document, pods: elements, malformed, pods_lost, left_out } = parsed;
        status.left_out(pods_lost as u64 + left_out);
        if elements == 0 && malformed > 0 {
            return Err(format!("all pods of the response are malformed ({malformed} problems)"));
        }
        // A kubelet that has just started does not know its pods yet, but nodes without pods exist: a second empty list is
        // accepted.
        if elements == 0 && self.elements > 0 && !self.was_empty {
            self.was_empty = true;
            let before = self.elements;
            return Err(format!("empty pod list, previously {before} pods; the kubelet may be starting"));
        }
        self.was_empty = false;
        self.elements = elements;
        if left_out > 0 && self.left_out == 0 {
            tracing::warn!(
                path = self.path,
                kept = elements,
                left_out,
                "the kubelet reports more pods than the agent keeps: pods that have ended are left out first"
            );
        }
        self.left_out = left_out;
        self.known = Some(Arc::new(document));
        self.read_at = Some(Instant::now());
        Ok(())
    }
}
