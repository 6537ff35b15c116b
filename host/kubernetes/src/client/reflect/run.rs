//! The loop of lists and watches.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use kube::core::Status as ApiStatus;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

use super::answer::{Answer, Unreadable};
use super::wire::{LeftOut, escaped, version_of};
use super::{Paging, Sink, Timing, Watched};
use crate::client::Backoff;
use crate::client::explain;
use crate::problem::shortened;
use crate::stream::lines::{Line, Lines};
use crate::stream::list::{Element, ListMeta, ListReader};
use crate::text::Text;
use insightd_peer::Status;
use insightd_peer::up_to;

/// Duration of a watch requested from the server, in seconds: the same as the server's default. Each end costs the server
/// one request per node.
const WATCH_SECONDS: std::ops::Range<u64> = 1800..3600;

/// A watch without an event that ends sooner than this counts as failed, even if the response was a success.
const TOO_SHORT: Duration = Duration::from_secs(2);

/// Longest `Retry-After` that is obeyed.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(300);

pub(crate) struct Reflector<'r> {
    pub(crate) client: &'r kube::Client,
    pub(crate) watched: &'r Watched,
    pub(crate) status: &'r Status,
    pub(crate) timing: Timing,
}

/// The reason for the end of a list or a watch.
pub(super) enum End {
    /// The server ended the watch at the requested time.
    Timeout,
    /// Nothing arrived for too long. Bookmarks come every minute if etcd reports its progress, and never if it does not, so
    /// this alone is not a failure. The next request shows if the server is reachable.
    Quiet,
    /// The server no longer has this version (410).
    Gone,
    /// The request failed. If `relist` is set, repeating it from the same version would fail again.
    Failed { words: String, retry_after: Option<Duration>, relist: bool },
    /// The response of a list began but did not complete.
    BrokeOff { words: String },
}

impl End {
    fn of_list(self) -> Self {
        match self {
            Self::Failed { words, .. } => Self::BrokeOff { words },
            end => end,
        }
    }
}

impl Reflector<'_> {
    pub(crate) async fn run(&self, sink: &mut dyn Sink, mut random: fastrand::Rng) -> Infallible {
        let mut left_out = LeftOut::new(self.watched.resource, self.status);
        let mut backoff = Backoff::with_random(self.timing.first_wait, self.timing.most_wait, random.fork());
        let mut jitter = self.watched.start_jitter;
        let mut paging = self.watched.paging;
        loop {
            sleep(up_to(jitter, &mut random)).await;
            jitter = Duration::ZERO;
            let mut version = match self.list(paging, sink, &mut left_out).await {
                Ok(version) => version,
                Err(end) => {
                    paging = match (&end, paging) {
                        // Pages took longer than the server keeps a version: a list in one response cannot run into this.
                        (End::Gone, _) => Paging::FromCache,
                        (End::BrokeOff { .. }, Paging::FromCacheElsePages(limit)) => Paging::Pages(limit),
                        (End::BrokeOff { .. }, _) => self.watched.paging,
                        _ => paging,
                    };
                    self.wait_after(end, "list", &mut backoff).await;
                    continue;
                }
            };
            paging = self.watched.paging;
            self.status.succeeded();
            loop {
                let began = Instant::now();
                let seconds = random.u64(WATCH_SECONDS);
                let (end, lines) = self.watch(&mut version, sink, seconds, &mut left_out).await;
                if lines > 0 {
                    backoff.reset();
                }
                match end {
                    End::Timeout if lines > 0 || began.elapsed() >= TOO_SHORT => {}
                    // Resume from the known version. A failure of the next request is counted and logged.
                    End::Quiet => {}
                    // After a restart of the server, all nodes get this at once.
                    End::Gone => {
                        self.status.failed(self.words(&End::Gone, "watch"));
                        jitter = self.watched.start_jitter.max(backoff.next_wait());
                        break;
                    }
                    end => {
                        let relist = matches!(end, End::Failed { relist: true, .. });
                        self.wait_after(end, "watch", &mut backoff).await;
                        if relist {
                            break;
                        }
                    }
                }
            }
        }
    }

    async fn wait_after(&self, end: End, verb: &str, backoff: &mut Backoff) {
        self.status.failed(self.words(&end, verb));
        let asked = match end {
            End::Failed { retry_after, .. } => retry_after.unwrap_or_default().min(MOST_RETRY_AFTER),
            _ => Duration::ZERO,
        };
        sleep(asked + backoff.next_wait()).await;
    }

    fn words(&self, end: &End, verb: &str) -> String {
        let resource = self.watched.resource;
        match end {
            End::Timeout | End::Quiet => {
                format!("cannot {verb} {resource}: the API server ended the response immediately")
            }
            End::Gone => {
                format!("cannot {verb} {resource}: the API server no longer has this version (410)")
            }
            End::Failed { words, .. } | End::BrokeOff { words } => words.clone(),
        }
    }

    /// Lists all objects and returns the version of the list.
    async fn list(
        &self,
        paging: Paging,
        sink: &mut dyn Sink,
        left_out: &mut LeftOut<'_>,
    ) -> Result<String, End> {
        let until = Instant::now() + self.timing.list_total;
        let mut next = String::new();
        sink.restart();
        loop {
            let query = match paging {
                Paging::FromCache | Paging::FromCacheElsePages(_) => "resourceVersion=0".to_owned(),
                Paging::Pages(limit) if next.is_empty() => format!("limit={limit}"),
                Paging::Pages(limit) => format!("limit={limit}&continue={}", escaped(&next)),
            };
            let answer = self.ask("list", &query).await?;
            let read = self.read_list(answer, until, sink, left_out).await;
            left_out.too_many(sink.left_out());
            left_out.report();
            let meta = read.map_err(End::of_list)?;
            if meta.next.is_empty() || !matches!(paging, Paging::Pages(_)) {
                sink.list_end();
                return Ok(meta.resource_version);
            }
            next = meta.next;
        }
    }

    async fn read_list(
        &self,
        mut answer: Answer,
        until: Instant,
        sink: &mut dyn Sink,
        left_out: &mut LeftOut<'_>,
    ) -> Result<ListMeta, End> {
        let mut reader = ListReader::new();
        let failed = |error: Unreadable| self.failed("list", error);
        loop {
            let idle = Instant::now() + self.timing.list_idle;
            let Some(piece) = answer.next(idle.min(until)).await else {
                let seconds = self.timing.list_idle.min(self.timing.list_total).as_secs();
                let error = format!("timed out: no data for {seconds} s, or over the total limit");
                return Err(self.failed("list", error));
            };
            let each = &mut |element: Element<'_>| match element {
                Element::Whole(object) => left_out.note(sink.listed(object), object),
                Element::TooLarge => left_out.too_large(),
            };
            let push = &mut |bytes: &[u8]| reader.push(bytes, each).map_err(Unreadable::from);
            match piece.map_err(|error| self.broken("list", &error))? {
                Some(bytes) => {
                    self.status.received(bytes.len() as u64);
                    answer.decode(&bytes, push).map_err(failed)?;
                }
                None => {
                    answer.finish(push).map_err(failed)?;
                    return reader.finish().map_err(|error| self.failed("list", error));
                }
            }
        }
    }

    /// Watches until the end of the response. `version` becomes that of the last line; returns the number of lines as well.
    async fn watch(
        &self,
        version: &mut String,
        sink: &mut dyn Sink,
        seconds: u64,
        left_out: &mut LeftOut<'_>,
    ) -> (End, u64) {
        let mut lines_seen = 0;
        let end = match self.watch_lines(version, sink, seconds, left_out, &mut lines_seen).await {
            Ok(()) => End::Timeout,
            Err(end) => end,
        };
        (end, lines_seen)
    }

    async fn watch_lines(
        &self,
        version: &mut String,
        sink: &mut dyn Sink,
        seconds: u64,
        left_out: &mut LeftOut<'_>,
        lines_seen: &mut u64,
    ) -> Result<(), End> {
        let query = format!(
            "watch=1&resourceVersion={}&allowWatchBookmarks=true&timeoutSeconds={seconds}",
            escaped(version)
        );
        let mut answer = self.ask("watch", &query).await?;
        self.status.succeeded();
        let mut lines = Lines::default();
        // Extended by lines, not by bytes: an event that arrives byte by byte and never ends counts as silence.
        let mut until = Instant::now() + self.timing.watch_idle;
        loop {
            let Some(piece) = answer.next(until).await else { return Err(End::Quiet) };
            let Some(bytes) = piece.map_err(|error| self.broken("watch", &error))? else { return Ok(()) };
            self.status.received(bytes.len() as u64);
            let seen_before = *lines_seen;
            let flow = lines.push(&bytes, &mut |line| {
                let flow = match line {
                    Line::Whole(line) => self.event(line, version, sink, left_out),
                    Line::TooLong => {
                        left_out.too_large();
                        ControlFlow::Continue(())
                    }
                };
                *lines_seen += u64::from(flow.is_continue());
                flow
            });
            left_out.too_many(sink.left_out());
            left_out.report();
            if let ControlFlow::Break(end) = flow.map_err(|error| self.failed("watch", error))? {
                return Err(end);
            }
            if *lines_seen > seen_before {
                until = Instant::now() + self.timing.watch_idle;
                self.status.succeeded();
            }
        }
    }

    fn event(
        &self,
        line: &[u8],
        version: &mut String,
        sink: &mut dyn Sink,
        left_out: &mut LeftOut<'_>,
    ) -> ControlFlow<End> {
        #[derive(Deserialize)]
        struct Event<'a> {
            #[serde(rename = "type", borrow)]
            kind: Text<'a>,
            #[serde(borrow)]
            object: &'a RawValue,
        }
        let event: Event<'_> = match serde_json::from_slice(line) {
            Ok(event) => event,
            // A watch from this version would deliver the event again and again; a list costs no more than the object
            // itself.
            Err(error) => {
                let error = shortened(error.to_string());
                let words = format!("cannot watch {}: invalid event: {error}", self.watched.resource);
                return ControlFlow::Break(End::Failed { words, retry_after: None, relist: true });
            }
        };
        let object = event.object.get().as_bytes();
        match event.kind.as_str() {
            "ADDED" | "MODIFIED" => left_out.note(sink.applied(object), object),
            "DELETED" => left_out.note(sink.deleted(object), object),
            "ERROR" => {
                let status: ApiStatus = serde_json::from_slice(object).unwrap_or_default();
                return ControlFlow::Break(self.refused("watch", status, None));
            }
            // "BOOKMARK", and event types of future API versions.
            _ => {}
        }
        if let Some(newer) = version_of(object) {
            *version = newer;
        }
        ControlFlow::Continue(())
    }

    pub(super) fn failed(&self, verb: &str, error: impl std::fmt::Display) -> End {
        let words = format!("cannot {verb} {}: {}", self.watched.resource, shortened(error.to_string()));
        End::Failed { words, retry_after: None, relist: false }
    }

    /// Returns the end for a connection that broke in the middle of a response.
    fn broken(&self, verb: &str, error: &kube::Error) -> End {
        let words = explain(error, verb, self.watched.resource);
        End::Failed { words, retry_after: None, relist: false }
    }

    /// Returns the end for an error status from the API server.
    pub(super) fn refused(&self, verb: &str, status: ApiStatus, retry_after: Option<Duration>) -> End {
        if status.code == 410
            || status.reason == "Expired"
            || status.reason == "Gone"
            || is_of_the_future(&status)
        {
            return End::Gone;
        }
        // As in client-go: an error that is not about load or permissions would recur on a watch from the same version.
        let relist = !matches!(status.code, 401 | 403 | 429 | 500..);
        let words = explain(&kube::Error::Api(status.boxed()), verb, self.watched.resource);
        End::Failed { words, retry_after, relist }
    }
}

/// Returns true if the version is newer than the server's data, as after a restore: repeating the request would always
/// fail. The cause is `metav1.CauseTypeResourceVersionTooLarge`, which servers send since Kubernetes 1.18.
fn is_of_the_future(status: &ApiStatus) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "ResourceVersionTooLarge")
}
