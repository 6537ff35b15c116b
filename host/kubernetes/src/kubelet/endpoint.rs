//! One path of the kubelet: the last good answer, and what came of the attempts since.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::client::Body;

use crate::client::reflect::status_of;
use crate::client::{Peer, explain_for};
use crate::error::KubeletError;
use insightd_peer::Status;

/// What one answer may cost.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) timeout: Duration,
    pub(super) max_answer_bytes: usize,
}

/// Elements, those that were left out because they are malformed, and the document.
type Read<'r, T> = dyn Fn(&[u8]) -> Result<(usize, usize, T), KubeletError> + Sync + 'r;

pub(super) struct Endpoint<T> {
    path: &'static str,
    pub(super) known: Option<Arc<T>>,
    pub(super) read_at: Option<Instant>,
    /// Elements of what is known.
    elements: usize,
    /// The last answer had no elements, and was not believed.
    doubted: bool,
    /// Attempts that ended, well or not.
    pub(super) attempts: u64,
    /// How long the last of them took.
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
            doubted: false,
            attempts: 0,
            took: Duration::ZERO,
            failing: None,
        }
    }

    /// Why what is known is old, or why nothing is.
    pub(super) fn error(&self) -> Option<String> {
        let (since, words) = self.failing.as_ref()?;
        Some(format!("kubelet {}, failing since {since:.0}: {words}", self.path))
    }

    /// Asks; returns true when that brought what there is. Who calls decides when: the kubelet is on this node, and one request
    /// a tick is no load to it, whereas one that is back must not wait.
    pub(super) async fn fetch(
        &mut self,
        client: &kube::Client,
        limits: Limits,
        status: &Status,
        read: &Read<'_, T>,
    ) -> bool {
        let began = Instant::now();
        status.requested();
        let answer = match tokio::time::timeout(limits.timeout, self.ask(client, limits, status)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no complete answer within {} s", limits.timeout.as_secs_f32())),
        };
        self.attempts += 1;
        let taken = answer.and_then(|body| self.take(&body, read));
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

    /// The buffer is of one call: some megabytes that nobody needs for the rest of the minute.
    async fn ask(&self, client: &kube::Client, limits: Limits, status: &Status) -> Result<Vec<u8>, String> {
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
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| words(&error))?;
            let Some(data) = frame.data_ref() else { continue };
            status.received(data.len() as u64);
            if bytes.len() + data.len() > limits.max_answer_bytes {
                return Err(format!(
                    "the answer has more than kubelet.max_answer_bytes = {} bytes",
                    limits.max_answer_bytes
                ));
            }
            bytes.extend_from_slice(data);
        }
        Ok(bytes)
    }

    fn take(&mut self, body: &[u8], read: &Read<'_, T>) -> Result<(), String> {
        let (elements, malformed, document) = read(body).map_err(|error| error.to_string())?;
        if elements == 0 && malformed > 0 {
            return Err(format!("none of its pods could be read ({malformed} problems)"));
        }
        // A kubelet that has just started does not know its pods yet. Nodes without any do exist: the second time counts.
        if elements == 0 && self.elements > 0 && !self.doubted {
            self.doubted = true;
            let before = self.elements;
            return Err(format!("it names no pods, and {before} before; it may be starting"));
        }
        self.doubted = false;
        self.elements = elements;
        self.known = Some(Arc::new(document));
        self.read_at = Some(Instant::now());
        Ok(())
    }
}
