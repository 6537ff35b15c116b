//! The loop of lists and watches.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use kube::core::Status as ApiStatus;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

use super::end::End;
use super::response::{ReadError, ResponseStream};
use super::wire::{SkippedObjects, percent_encoded, resource_version};
use super::{ObjectSink, Paging, Timing, WatchSpec};
use crate::client::Backoff;
use crate::problem::shortened;
use crate::stream::lines::{Line, Lines};
use crate::stream::list::{Element, ListMeta, ListReader};
use crate::text::Text;
use insightd_upstream::UpstreamStatus;
use insightd_upstream::jitter_up_to;

/// Duration of a watch requested from the server, in seconds: the same as the server's default. Each end costs the server
/// one request per node.
const WATCH_SECONDS: std::ops::Range<u64> = 1800..3600;

/// A watch without an event that ends sooner than this counts as failed, even if the response was a success.
const TOO_SHORT: Duration = Duration::from_secs(2);

/// Longest `Retry-After` that is obeyed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

pub(crate) struct Reflector<'r> {
    pub(crate) client: &'r kube::Client,
    pub(crate) spec: &'r WatchSpec,
    pub(crate) status: &'r UpstreamStatus,
    pub(crate) timing: Timing,
}

impl Reflector<'_> {
    pub(crate) async fn run(&self, sink: &mut dyn ObjectSink, mut random: fastrand::Rng) -> Infallible {
        let mut skipped = SkippedObjects::new(self.spec.resource, self.status);
        let mut backoff = Backoff::with_random(self.timing.first_wait, self.timing.max_wait, random.fork());
        let mut jitter = self.spec.start_jitter;
        let mut paging = self.spec.paging;
        loop {
            sleep(jitter_up_to(jitter, &mut random)).await;
            jitter = Duration::ZERO;
            let mut version = match self.list(paging, sink, &mut skipped).await {
                Ok(version) => version,
                Err(end) => {
                    paging = match (&end, paging) {
                        // Pages took longer than the server keeps a version: a list in one response cannot run into this.
                        (End::Gone, _) => Paging::FromCache,
                        (End::Truncated { .. }, Paging::FromCacheElsePages(limit)) => Paging::Pages(limit),
                        (End::Truncated { .. }, _) => self.spec.paging,
                        _ => paging,
                    };
                    self.wait_after(end, "list", &mut backoff).await;
                    continue;
                }
            };
            paging = self.spec.paging;
            self.status.succeeded();
            loop {
                let started = Instant::now();
                let seconds = random.u64(WATCH_SECONDS);
                let (end, lines) = self.watch(&mut version, sink, seconds, &mut skipped).await;
                if lines > 0 {
                    backoff.reset();
                }
                match end {
                    End::Timeout if lines > 0 || started.elapsed() >= TOO_SHORT => {}
                    // Resume from the known version. A failure of the next request is counted and logged.
                    End::Idle => {}
                    // After a restart of the server, all nodes get this at once.
                    End::Gone => {
                        self.status.failed(self.error_text(&End::Gone, "watch"));
                        jitter = self.spec.start_jitter.max(backoff.next_wait());
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
        self.status.failed(self.error_text(&end, verb));
        let server_wait = match end {
            End::Failed { retry_after, .. } => retry_after.unwrap_or_default().min(MAX_RETRY_AFTER),
            _ => Duration::ZERO,
        };
        sleep(server_wait + backoff.next_wait()).await;
    }

    /// Lists all objects and returns the version of the list.
    async fn list(
        &self,
        paging: Paging,
        sink: &mut dyn ObjectSink,
        skipped: &mut SkippedObjects<'_>,
    ) -> Result<String, End> {
        let until = Instant::now() + self.timing.list_total;
        let mut next = String::new();
        sink.restart();
        loop {
            let query = match paging {
                Paging::FromCache | Paging::FromCacheElsePages(_) => "resourceVersion=0".to_owned(),
                Paging::Pages(limit) if next.is_empty() => format!("limit={limit}"),
                Paging::Pages(limit) => format!("limit={limit}&continue={}", percent_encoded(&next)),
            };
            let response = self.request("list", &query).await?;
            let read = self.read_list(response, until, sink, skipped).await;
            skipped.too_many(sink.left_out());
            skipped.report();
            let meta = read.map_err(End::into_list_end)?;
            if meta.next.is_empty() || !matches!(paging, Paging::Pages(_)) {
                sink.list_end();
                return Ok(meta.resource_version);
            }
            next = meta.next;
        }
    }

    async fn read_list(
        &self,
        mut response: ResponseStream,
        until: Instant,
        sink: &mut dyn ObjectSink,
        skipped: &mut SkippedObjects<'_>,
    ) -> Result<ListMeta, End> {
        let mut reader = ListReader::new();
        let list_failure = |error: ReadError| self.failure_end("list", error);
        loop {
            let idle = Instant::now() + self.timing.list_idle;
            let Some(piece) = response.next(idle.min(until)).await else {
                let seconds = self.timing.list_idle.min(self.timing.list_total).as_secs();
                let error = format!("timed out: no data for {seconds} s, or over the total limit");
                return Err(self.failure_end("list", error));
            };
            let each = &mut |element: Element<'_>| match element {
                Element::Whole(object) => skipped.record(sink.listed(object), object),
                Element::TooLarge => skipped.too_large(),
            };
            let push = &mut |bytes: &[u8]| reader.push(bytes, each).map_err(ReadError::from);
            match piece.map_err(|error| self.connection_end("list", &error))? {
                Some(bytes) => {
                    self.status.received(bytes.len() as u64);
                    response.decode(&bytes, push).map_err(list_failure)?;
                }
                None => {
                    response.finish(push).map_err(list_failure)?;
                    return reader.finish().map_err(|error| self.failure_end("list", error));
                }
            }
        }
    }

    /// Watches until the end of the response. `version` becomes that of the last line; returns the number of lines as well.
    async fn watch(
        &self,
        version: &mut String,
        sink: &mut dyn ObjectSink,
        seconds: u64,
        skipped: &mut SkippedObjects<'_>,
    ) -> (End, u64) {
        let mut lines_seen = 0;
        let end = match self.watch_lines(version, sink, seconds, skipped, &mut lines_seen).await {
            Ok(()) => End::Timeout,
            Err(end) => end,
        };
        (end, lines_seen)
    }

    async fn watch_lines(
        &self,
        version: &mut String,
        sink: &mut dyn ObjectSink,
        seconds: u64,
        skipped: &mut SkippedObjects<'_>,
        lines_seen: &mut u64,
    ) -> Result<(), End> {
        let query = format!(
            "watch=1&resourceVersion={}&allowWatchBookmarks=true&timeoutSeconds={seconds}",
            percent_encoded(version)
        );
        let mut response = self.request("watch", &query).await?;
        self.status.succeeded();
        let mut lines = Lines::default();
        // Extended by lines, not by bytes: an event that arrives byte by byte and never ends counts as silence.
        let mut until = Instant::now() + self.timing.watch_idle;
        loop {
            let Some(piece) = response.next(until).await else { return Err(End::Idle) };
            let Some(bytes) = piece.map_err(|error| self.connection_end("watch", &error))? else {
                return Ok(());
            };
            self.status.received(bytes.len() as u64);
            let seen_before = *lines_seen;
            let flow = lines.push(&bytes, &mut |line| {
                let flow = match line {
                    Line::Whole(line) => self.event(line, version, sink, skipped),
                    Line::TooLong => {
                        skipped.too_large();
                        ControlFlow::Continue(())
                    }
                };
                *lines_seen += u64::from(flow.is_continue());
                flow
            });
            skipped.too_many(sink.left_out());
            skipped.report();
            if let ControlFlow::Break(end) = flow.map_err(|error| self.failure_end("watch", error))? {
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
        sink: &mut dyn ObjectSink,
        skipped: &mut SkippedObjects<'_>,
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
                let error_text = format!("cannot watch {}: invalid event: {error}", self.spec.resource);
                return ControlFlow::Break(End::Failed { error_text, retry_after: None, relist: true });
            }
        };
        let object = event.object.get().as_bytes();
        match event.kind.as_str() {
            "ADDED" | "MODIFIED" => skipped.record(sink.applied(object), object),
            "DELETED" => skipped.record(sink.deleted(object), object),
            "ERROR" => {
                let status: ApiStatus = serde_json::from_slice(object).unwrap_or_default();
                return ControlFlow::Break(self.status_end("watch", status, None));
            }
            // "BOOKMARK", and event types of future API versions.
            _ => {}
        }
        if let Some(newer) = resource_version(object) {
            *version = newer;
        }
        ControlFlow::Continue(())
    }
}
