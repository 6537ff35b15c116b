//! One request for the metrics of one node.

use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use insightd_exposition::{ExpositionError, Format, Limits, Reader, Report};
use insightd_fargate::cadvisor::{NodeReader, NodeReading, ReadingLimits};
use insightd_upstream::UpstreamStatus;
use kube::client::Body;

use crate::client::explain;
use crate::client::reflect::{percent_encoded, read_status};
use crate::stream::gunzip::Gunzip;

/// Resource of a role that permits the request.
const RESOURCE: &str = "nodes/proxy";

/// Time for the body of an error response.
const ERROR_TIMEOUT: Duration = Duration::from_secs(5);

/// An error that costs a node its reading in this round.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// The API server rejected the request, cannot reach the kubelet, or closed the connection.
    #[error("node {node}: GET {path}: {error_text}; check the node with `kubectl get node {node}`")]
    Request {
        /// Name of the node.
        node: String,
        /// Path of the URL.
        path: String,
        /// Explanation of the error.
        error_text: String,
    },
    /// The response is not complete, or exceeds a limit.
    #[error("node {node}: GET {path}: {error}; the node is left out of this tick")]
    Response {
        /// Name of the node.
        node: String,
        /// Path of the URL.
        path: String,
        /// The defect of the response.
        error: ExpositionError,
    },
    /// The response cannot be decompressed.
    #[error(
        "node {node}: GET {path}: cannot decompress the response: {error}; the node is left out of this tick"
    )]
    Encoding {
        /// Name of the node.
        node: String,
        /// Path of the URL.
        path: String,
        /// The error of the decoder.
        error: std::io::Error,
    },
    /// The response contains rows neither of the machine nor of pods: another server responded.
    #[error(
        "node {node}: GET {path}: no rows of cAdvisor among {samples} samples{}; check what responds at this path",
        first_malformed.as_deref().map(|line| format!(" ({line})")).unwrap_or_default()
    )]
    Empty {
        /// Name of the node.
        node: String,
        /// Path of the URL.
        path: String,
        /// Number of samples in the response.
        samples: u64,
        /// The first malformed line.
        first_malformed: Option<String>,
    },
    /// The response was not complete at the deadline.
    #[error(
        "node {node}: GET {path}: no complete response within {} s or before the end of the round; the node or the API server is slow, raise the deadline or \
         the interval",
        deadline.as_secs_f32()
    )]
    Late {
        /// Name of the node.
        node: String,
        /// Path of the URL.
        path: String,
        /// Configured time for one node.
        deadline: Duration,
    },
    /// The round ended before the node had its turn.
    #[error(
        "node {node}: GET {path}: not sent, because others took the whole interval; raise the concurrency or the number of \
         replicas"
    )]
    NoTurn {
        /// Name of the node.
        node: String,
        /// Path of the URL.
        path: String,
    },
}

impl ScrapeError {
    /// Returns true if the node had too little time, rather than a bad response.
    pub fn is_late(&self) -> bool {
        matches!(self, Self::Late { .. } | Self::NoTurn { .. })
    }

    /// Returns the name of the node.
    pub fn node(&self) -> &str {
        match self {
            Self::Request { node, .. }
            | Self::Response { node, .. }
            | Self::Encoding { node, .. }
            | Self::Empty { node, .. }
            | Self::Late { node, .. }
            | Self::NoTurn { node, .. } => node,
        }
    }
}

/// Bounds of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScrapeLimits {
    pub(super) deadline: Duration,
    pub(super) response: Limits,
    pub(super) reading: ReadingLimits,
}

/// Returns the path of a node's metrics.
pub(super) fn path_of(node: &str) -> String {
    format!("/api/v1/nodes/{}/proxy/metrics/cadvisor", percent_encoded(node))
}

/// Reads the metrics of a node, within the deadline and the time that is `left` of the round. The report counts the samples and
/// malformed lines of the response.
pub(super) async fn scrape(
    client: &kube::Client,
    node: &str,
    limits: ScrapeLimits,
    left: Duration,
    status: &UpstreamStatus,
) -> Result<(NodeReading, Report), ScrapeError> {
    let scrape = Scrape { node, path: path_of(node), limits, status };
    match tokio::time::timeout(limits.deadline.min(left), scrape.request(client)).await {
        Ok(result) => result,
        Err(_) => {
            Err(ScrapeError::Late { node: node.to_owned(), path: scrape.path, deadline: limits.deadline })
        }
    }
}

struct Scrape<'s> {
    node: &'s str,
    path: String,
    limits: ScrapeLimits,
    status: &'s UpstreamStatus,
}

/// The reason why bytes of the response are rejected.
enum ReadError {
    Response(ExpositionError),
    Encoding(std::io::Error),
}

impl From<std::io::Error> for ReadError {
    fn from(error: std::io::Error) -> Self {
        Self::Encoding(error)
    }
}

impl Scrape<'_> {
    async fn request(&self, client: &kube::Client) -> Result<(NodeReading, Report), ScrapeError> {
        let request = Request::get(&self.path)
            .header(ACCEPT, "text/plain;version=0.0.4")
            // The kubelet compresses, which saves nine tenths of the API server's traffic.
            .header(ACCEPT_ENCODING, "gzip")
            .body(Body::empty())
            .map_err(|error| self.failed(&kube::Error::HttpError(error)))?;
        self.status.requested();
        let response = client.send(request).await.map_err(|error| self.failed(&error))?;
        if !response.status().is_success() {
            let status = read_status(response, ERROR_TIMEOUT).await;
            return Err(self.failed(&kube::Error::Api(status.boxed())));
        }
        self.read(response).await
    }

    async fn read(&self, response: Response<Body>) -> Result<(NodeReading, Report), ScrapeError> {
        let headers = response.headers();
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mut reader = Reader::new(Format::from_content_type(content_type), self.limits.response);
        let mut node = NodeReader::new(self.limits.reading);
        let mut gunzip = self.gunzip(headers)?;
        let push = &mut |bytes: &[u8]| {
            reader.push(bytes, &mut |sample| node.sample(sample)).map_err(ReadError::Response)
        };
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.failed(&error))?;
            let Some(data) = frame.data_ref() else { continue };
            self.status.received(data.len() as u64);
            let pushed = match &mut gunzip {
                Some(gunzip) => gunzip.push(data, push),
                None => push(data),
            };
            pushed.map_err(|error| self.rejected(error))?;
        }
        if let Some(gunzip) = gunzip {
            gunzip.finish(push).map_err(|error| self.rejected(error))?;
        }
        let report = reader.finish().map_err(|error| self.rejected(ReadError::Response(error)))?;
        let reading = node.finish();
        if reading.is_empty() {
            return Err(ScrapeError::Empty {
                node: self.node.to_owned(),
                path: self.path.clone(),
                samples: report.samples,
                first_malformed: report.first_malformed.map(|line| line.to_string()),
            });
        }
        Ok((reading, report))
    }

    fn gunzip(&self, headers: &HeaderMap) -> Result<Option<Gunzip>, ScrapeError> {
        match headers.get(CONTENT_ENCODING).map(|encoding| encoding.as_bytes()) {
            None | Some(b"identity") => Ok(None),
            Some(b"gzip") => Ok(Some(Gunzip::new())),
            Some(_) => {
                let error = std::io::Error::other("an encoding that was not requested");
                Err(self.rejected(ReadError::Encoding(error)))
            }
        }
    }

    fn failed(&self, error: &kube::Error) -> ScrapeError {
        let error_text = explain(error, "get", RESOURCE);
        ScrapeError::Request { node: self.node.to_owned(), path: self.path.clone(), error_text }
    }

    fn rejected(&self, error: ReadError) -> ScrapeError {
        let (node, path) = (self.node.to_owned(), self.path.clone());
        match error {
            ReadError::Response(error) => ScrapeError::Response { node, path, error },
            ReadError::Encoding(error) => ScrapeError::Encoding { node, path, error },
        }
    }
}
