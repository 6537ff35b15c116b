//! One path of the kubelet: the last good response, and the attempts since.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::client::Body;

use crate::client::reflect::status_of;
use crate::client::{Peer, explain_for};
use insightd_peer::Status;

use super::incoming::{Incoming, Taken};

/// Limits of one response.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
    pub(super) max_answer_bytes: usize,
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
    doubted: bool,
    /// Attempts that ended, successful or not.
    pub(super) attempts: u64,
    /// Duration of the last of them.
    pub(super) took: Duration,
    failing: Option<(Timestamp, String)>,
}

impl<T> Endpoint<T> {
    pub(super) fn new(path: &'static str) -> Self {
        Self {
            path,
            known: None,
            read_at: None,
            elements: 0,
            left_out: 0,
            doubted: false,
            attempts: 0,
            took: Duration::ZERO,
            failing: None,
        }
    }

    /// Returns the error of the attempts since the last good response.
    pub(super) fn error(&self) -> Option<String> {
        let (since, words) = self.failing.as_ref()?;
        Some(format!("kubelet {}, failing since {since:.0}: {words}", self.path))
    }

    /// Requests the document; returns true on success. There is no backoff: the kubelet is on this node, one request per
    /// tick is no load, and a kubelet that recovered must be noticed at once.
    pub(super) async fn fetch(
        &mut self,
        client: &kube::Client,
        limits: Limits,
        status: &Status,
        reader: impl Incoming<Document = T>,
    ) -> bool {
        let began = Instant::now();
        status.requested();
        let asked = self.ask(client, limits, status, reader);
        let answer = match tokio::time::timeout(limits.timeout, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no complete response within {} s", limits.timeout.as_secs_f32())),
        };
        self.attempts += 1;
        let taken = answer.and_then(|taken| self.take(taken, status));
        self.took = began.elapsed();
        match taken {
            Ok(()) => {
                self.failing = None;
                true
            }
            Err(words) => {
                let since = self.failing.take().map_or_else(Timestamp::now, |(since, _)| since);
                self.failing = Some((since, words));
                false
            }
        }
    }

    /// Reads the response as it arrives: at most one pod and the kept data are in memory.
    async fn ask<R: Incoming<Document = T>>(
        &self,
        client: &kube::Client,
        limits: Limits,
        status: &Status,
        mut reader: R,
    ) -> Result<Taken<T>, String> {
        let words = |error: &kube::Error| explain_for(Peer::Kubelet, error, "get", self.path);
        let request = Request::get(self.path)
            .body(Body::empty())
            .map_err(|error| words(&kube::Error::HttpError(error)))?;
        let response = client.send(request).await.map_err(|error| words(&error))?;
        if !response.status().is_success() {
            let status = status_of(response, limits.timeout).await;
            return Err(words(&kube::Error::Api(status.boxed())));
        }
        let mut body = response.into_body();
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| words(&error))?;
            let Some(data) = frame.data_ref() else { continue };
            status.received(data.len() as u64);
            received += data.len();
            if received > limits.max_answer_bytes {
                return Err(format!("the response exceeds {} bytes", limits.max_answer_bytes));
            }
            reader.push(data).map_err(|error| error.to_string())?;
        }
        reader.finish().map_err(|error| error.to_string())
    }

    fn take(&mut self, taken: Taken<T>, status: &Status) -> Result<(), String> {
        let Taken { document, pods: elements, malformed, lost, left_out } = taken;
        status.left_out(lost as u64 + left_out);
        if elements == 0 && malformed > 0 {
            return Err(format!("all pods of the response are malformed ({malformed} problems)"));
        }
        // A kubelet that has just started does not know its pods yet, but nodes without pods exist: a second empty list is
        // accepted.
        if elements == 0 && self.elements > 0 && !self.doubted {
            self.doubted = true;
            let before = self.elements;
            return Err(format!("empty pod list, previously {before} pods; the kubelet may be starting"));
        }
        self.doubted = false;
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
