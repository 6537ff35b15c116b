//! The loop of lists and watches.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use http::Request;
use http::header::ACCEPT;
use http_body_util::BodyExt;
use hyper::body::Bytes;
use kube::client::Body;
use kube::core::Status as ApiStatus;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout};

use super::wire::{Malformed, escaped, retry_after, status_of, version_of};
use super::{Paging, Sink, Timing, Watched};
use crate::client::lines::Lines;
use crate::client::list::{ListMeta, ListReader};
use crate::client::{Backoff, explain};
use crate::problem::shortened;
use crate::text::Text;
use insightd_peer::Status;
use insightd_peer::up_to;

/// How long the server is asked to keep a watch: as long as it does unasked. Each end costs it a request a node.
const WATCH_SECONDS: std::ops::Range<u64> = 1800..3600;

/// A watch that ends sooner than this without an event did not work, whatever its answer said.
const TOO_SHORT: Duration = Duration::from_secs(2);

/// The longest that a server may tell an agent to wait.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(300);

pub(crate) struct Reflector<'r> {
    pub(crate) client: &'r kube::Client,
    pub(crate) watched: &'r Watched,
    pub(crate) status: &'r Status,
    pub(crate) timing: Timing,
}

/// Why a list or a watch ended.
enum End {
    /// As agreed.
    Timeout,
    /// The server no longer has this version.
    Gone,
    /// It did not work. To ask for the same once more would be of no use where `relist` is set.
    Failed { words: String, retry_after: Option<Duration>, relist: bool },
    /// A list that began, or was worked at, but did not come to its end.
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
        let mut backoff = Backoff::with_random(self.timing.first_wait, self.timing.most_wait, random.fork());
        let mut jitter = self.watched.start_jitter;
        let mut paging = self.watched.paging;
        loop {
            sleep(up_to(jitter, &mut random)).await;
            jitter = Duration::ZERO;
            let mut version = match self.list(paging, sink).await {
                Ok(version) => version,
                Err(end) => {
                    paging = match (&end, paging) {
                        // Pages took longer than the server keeps a version: all at once does not have that trouble.
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
                let (end, lines) = self.watch(&mut version, sink, random.u64(WATCH_SECONDS)).await;
                if lines > 0 {
                    backoff.reset();
                }
                match end {
                    End::Timeout if lines > 0 || began.elapsed() >= TOO_SHORT => {}
                    // A whole fleet learns of it at once, after a restart of the server.
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
            End::Timeout => format!("a {verb} of {resource} was ended by the server at once"),
            End::Gone => {
                format!("the API server no longer has the version of {resource} that was asked for (410)")
            }
            End::Failed { words, .. } | End::BrokeOff { words } => words.clone(),
        }
    }

    /// The version of the list.
    async fn list(&self, paging: Paging, sink: &mut dyn Sink) -> Result<String, End> {
        let mut malformed = Malformed::new(self.watched.resource);
        let mut next = String::new();
        sink.restart();
        loop {
            let query = match paging {
                Paging::FromCache | Paging::FromCacheElsePages(_) => "resourceVersion=0".to_owned(),
                Paging::Pages(limit) if next.is_empty() => format!("limit={limit}"),
                Paging::Pages(limit) => format!("limit={limit}&continue={}", escaped(&next)),
            };
            let mut body = self.ask("list", &query).await?;
            let read = self.read_list(&mut body, sink, &mut malformed).await;
            let meta = read.map_err(End::of_list)?;
            if meta.next.is_empty() || !matches!(paging, Paging::Pages(_)) {
                sink.list_end();
                malformed.report();
                return Ok(meta.resource_version);
            }
            next = meta.next;
        }
    }

    async fn read_list(
        &self,
        body: &mut Body,
        sink: &mut dyn Sink,
        malformed: &mut Malformed,
    ) -> Result<ListMeta, End> {
        let mut reader = ListReader::new();
        while let Some(bytes) = self.piece(body, "list", self.timing.list_idle).await? {
            let each = &mut |object: &[u8]| malformed.note(sink.listed(object), object);
            reader.push(&bytes, each).map_err(|error| self.failed("list", error))?;
        }
        reader.finish().map_err(|error| self.failed("list", error))
    }

    /// Until it ends; `version` is then that of the last line. How many lines came, besides.
    async fn watch(&self, version: &mut String, sink: &mut dyn Sink, seconds: u64) -> (End, u64) {
        let mut lines_seen = 0;
        let end = match self.watch_lines(version, sink, seconds, &mut lines_seen).await {
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
        lines_seen: &mut u64,
    ) -> Result<(), End> {
        let query = format!(
            "watch=1&resourceVersion={}&allowWatchBookmarks=true&timeoutSeconds={seconds}",
            escaped(version)
        );
        let mut body = self.ask("watch", &query).await?;
        self.status.succeeded();
        let mut lines = Lines::default();
        let mut malformed = Malformed::new(self.watched.resource);
        while let Some(bytes) = self.piece(&mut body, "watch", self.timing.watch_idle).await? {
            let flow = lines.push(&bytes, &mut |line| {
                let flow = self.event(line, version, sink, &mut malformed);
                *lines_seen += u64::from(flow.is_continue());
                flow
            });
            if let ControlFlow::Break(end) = flow.map_err(|error| self.failed("watch", error))? {
                return Err(end);
            }
            malformed.report();
            self.status.succeeded();
        }
        Ok(())
    }

    fn event(
        &self,
        line: &[u8],
        version: &mut String,
        sink: &mut dyn Sink,
        malformed: &mut Malformed,
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
            // It would come again, for ever; a list costs no more than the object itself.
            Err(error) => {
                let words =
                    format!("cannot watch {}: {}", self.watched.resource, shortened(error.to_string()));
                return ControlFlow::Break(End::Failed { words, retry_after: None, relist: true });
            }
        };
        let object = event.object.get().as_bytes();
        match event.kind.as_str() {
            "ADDED" | "MODIFIED" => malformed.note(sink.applied(object), object),
            "DELETED" => malformed.note(sink.deleted(object), object),
            "ERROR" => {
                let status: ApiStatus = serde_json::from_slice(object).unwrap_or_default();
                return ControlFlow::Break(self.refused("watch", status, None));
            }
            // "BOOKMARK", and whatever the API may have in the future.
            _ => {}
        }
        if let Some(newer) = version_of(object) {
            *version = newer;
        }
        ControlFlow::Continue(())
    }

    async fn ask(&self, verb: &str, query: &str) -> Result<Body, End> {
        let Watched { path, resource, .. } = self.watched;
        let mut uri = format!("{path}?{query}");
        for (key, selector) in
            [("fieldSelector", &self.watched.field_selector), ("labelSelector", &self.watched.label_selector)]
        {
            if let Some(selector) = selector {
                uri.push_str(&format!("&{key}={}", escaped(selector)));
            }
        }
        let accept = match (self.watched.metadata_only, verb) {
            (false, _) => "application/json",
            (true, "list") => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            (true, _) => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
        };
        self.status.requested();
        let explained =
            |error| End::Failed { words: explain(&error, verb, resource), retry_after: None, relist: false };
        let request = Request::get(uri)
            .header(ACCEPT, accept)
            .body(Body::empty())
            .map_err(|error| explained(kube::Error::HttpError(error)))?;
        let response = self.client.send(request).await.map_err(explained)?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        let retry_after = retry_after(response.headers());
        let status = status_of(response, self.timing.list_idle).await;
        Err(self.refused(verb, status, retry_after))
    }

    fn refused(&self, verb: &str, status: ApiStatus, retry_after: Option<Duration>) -> End {
        // A version from before the server's data was restored; asked again, it would say the same for ever.
        let unknown = status.message.contains("Too large resource version");
        if status.code == 410 || status.reason == "Expired" || status.reason == "Gone" || unknown {
            return End::Gone;
        }
        // As client-go has it: what is not about load or rights, another watch from the same version will not mend.
        let relist = !matches!(status.code, 401 | 403 | 429 | 500..);
        let words = explain(&kube::Error::Api(status.boxed()), verb, self.watched.resource);
        End::Failed { words, retry_after, relist }
    }

    async fn piece(&self, body: &mut Body, verb: &str, idle: Duration) -> Result<Option<Bytes>, End> {
        loop {
            let frame = timeout(idle, body.frame())
                .await
                .map_err(|_| self.failed(verb, format_args!("nothing came for {} s", idle.as_secs())))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => {
                    let words = explain(&error, verb, self.watched.resource);
                    return Err(End::Failed { words, retry_after: None, relist: false });
                }
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.status.received(bytes.len() as u64);
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    fn failed(&self, verb: &str, error: impl std::fmt::Display) -> End {
        let words = format!("cannot {verb} {}: {}", self.watched.resource, shortened(error.to_string()));
        End::Failed { words, retry_after: None, relist: false }
    }
}
