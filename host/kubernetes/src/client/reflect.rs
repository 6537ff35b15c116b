//! A kind of object, listed once and watched from then on.
//!
//! ```text
//! reflect: wait up to the jitter
//!   list:   resourceVersion=0, out of the API server's memory; or in pages of `limit`
//!   watch:  from the list's version, with bookmarks; a watch that ends is followed by another from the last version seen
//!   410:    wait up to the jitter, list again
//! ```
//!
//! What a handler knows stays while a peer is away. Objects are read one by one out of the bytes as they come, into what the
//! handler asks for; neither a list nor a page of it is ever held.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use http::header::{ACCEPT, RETRY_AFTER};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use kube::client::Body;
use kube::core::Status as ApiStatus;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, timeout};

use super::backoff::up_to;
use super::lines::Lines;
use super::list::ListReader;
use super::{Backoff, explain};
use crate::problem::shortened;
use crate::status::Status;
use crate::text::Text;

/// Between two pieces of a list.
const LIST_IDLE: Duration = Duration::from_secs(30);

/// Between two lines of a watch. A bookmark comes every minute, so three of them are missing.
const WATCH_IDLE: Duration = Duration::from_secs(190);

/// How long the server is asked to keep a watch: as long as it does unasked. Each end costs it a request a node.
const WATCH_SECONDS: std::ops::Range<u64> = 1800..3600;

/// A watch that ends sooner than this without an event did not work, whatever its answer said.
const TOO_SHORT: Duration = Duration::from_secs(2);

/// Of an answer that is an error.
const ERROR_BYTES: usize = 64 * 1024;

/// The longest that a server may tell an agent to wait.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// How a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// All at once from the server's watch cache, which costs etcd nothing.
    FromCache,
    /// In pages of so many objects.
    Pages(u32),
}

/// What to list and watch.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Path, such as `/api/v1/services`.
    pub path: String,
    /// Its name in a role, for messages: `services`, `deployments.apps`.
    pub resource: &'static str,
    /// Field selector.
    pub field_selector: Option<String>,
    /// Label selector.
    pub label_selector: Option<String>,
    /// How to list.
    pub paging: Paging,
    /// Only `metadata` of each object is sent.
    pub metadata_only: bool,
    /// The longest wait before the first list, and before one after the server has forgotten the version.
    pub start_jitter: Duration,
}

/// What becomes of the objects. Called on the task that runs [`reflect`]; nothing of it may wait.
pub trait Handler: Send {
    /// What is read of an object. It may borrow from the answer.
    type Item<'a>: Deserialize<'a>;

    /// A list begins. What is known stays valid until the list has ended: it may fail in its middle, and begin again.
    fn on_restart(&mut self);
    /// An object of the list.
    fn on_listed(&mut self, item: Self::Item<'_>);
    /// The list is complete: what it did not name is gone.
    fn on_list_end(&mut self);
    /// Added or changed.
    fn on_applied(&mut self, item: Self::Item<'_>);
    /// Gone; the object as it was last.
    fn on_deleted(&mut self, item: Self::Item<'_>);
}

/// Lists and watches until it is dropped.
pub async fn reflect<H: Handler>(
    client: &kube::Client,
    watched: &Watched,
    handler: &mut H,
    status: &Status,
) -> Infallible {
    let reflector = Reflector { client, watched, status, timing: Timing::default() };
    reflector.run(&mut Reading(handler), fastrand::Rng::new()).await
}

/// [`Handler`] without its type: the loop is compiled once, whatever is watched.
pub(crate) trait Sink: Send {
    fn restart(&mut self);
    fn listed(&mut self, object: &[u8]) -> Result<(), serde_json::Error>;
    fn list_end(&mut self);
    fn applied(&mut self, object: &[u8]) -> Result<(), serde_json::Error>;
    fn deleted(&mut self, object: &[u8]) -> Result<(), serde_json::Error>;
}

pub(crate) struct Reading<'h, H>(pub(crate) &'h mut H);

impl<H: Handler> Sink for Reading<'_, H> {
    fn restart(&mut self) {
        self.0.on_restart();
    }

    fn listed(&mut self, object: &[u8]) -> Result<(), serde_json::Error> {
        serde_json::from_slice(object).map(|item| self.0.on_listed(item))
    }

    fn list_end(&mut self) {
        self.0.on_list_end();
    }

    fn applied(&mut self, object: &[u8]) -> Result<(), serde_json::Error> {
        serde_json::from_slice(object).map(|item| self.0.on_applied(item))
    }

    fn deleted(&mut self, object: &[u8]) -> Result<(), serde_json::Error> {
        serde_json::from_slice(object).map(|item| self.0.on_deleted(item))
    }
}

/// Waits that tests make shorter.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) first_wait: Duration,
    pub(crate) most_wait: Duration,
    pub(crate) list_idle: Duration,
    pub(crate) watch_idle: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_secs(1),
            most_wait: Duration::from_secs(30),
            list_idle: LIST_IDLE,
            watch_idle: WATCH_IDLE,
        }
    }
}

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
    /// It did not work.
    Failed { words: String, retry_after: Option<Duration> },
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
                    // Pages took longer than the server keeps a version: all at once does not have that trouble.
                    if matches!(end, End::Gone) && paging != Paging::FromCache {
                        paging = Paging::FromCache;
                    }
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
                    end => self.wait_after(end, "watch", &mut backoff).await,
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
            End::Failed { words, .. } => words.clone(),
        }
    }

    /// The version of the list.
    async fn list(&self, paging: Paging, sink: &mut dyn Sink) -> Result<String, End> {
        let mut malformed = Malformed::new(self.watched.resource);
        let mut next = String::new();
        sink.restart();
        loop {
            let query = match paging {
                Paging::FromCache => "resourceVersion=0".to_owned(),
                Paging::Pages(limit) if next.is_empty() => format!("limit={limit}"),
                Paging::Pages(limit) => format!("limit={limit}&continue={}", escaped(&next)),
            };
            let mut body = self.ask("list", &query).await?;
            let mut reader = ListReader::new();
            while let Some(bytes) = self.piece(&mut body, "list", self.timing.list_idle).await? {
                let each = &mut |object: &[u8]| malformed.note(sink.listed(object), object);
                reader.push(&bytes, each).map_err(|error| self.failed("list", error))?;
            }
            let meta = reader.finish().map_err(|error| self.failed("list", error))?;
            if meta.next.is_empty() || paging == Paging::FromCache {
                sink.list_end();
                malformed.report();
                return Ok(meta.resource_version);
            }
            next = meta.next;
        }
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
            Err(error) => return ControlFlow::Break(self.failed("watch", error)),
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
        let explained = |error| End::Failed { words: explain(&error, verb, resource), retry_after: None };
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
        let words = explain(&kube::Error::Api(status.boxed()), verb, self.watched.resource);
        End::Failed { words, retry_after }
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
                    return Err(End::Failed { words, retry_after: None });
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
        End::Failed { words, retry_after: None }
    }
}

/// Objects that could not be read; one broken object is no reason to forget the others.
struct Malformed {
    resource: &'static str,
    count: u64,
    first: Option<String>,
}

impl Malformed {
    fn new(resource: &'static str) -> Self {
        Self { resource, count: 0, first: None }
    }

    fn note(&mut self, result: Result<(), serde_json::Error>, object: &[u8]) {
        if let Err(error) = result {
            self.count += 1;
            let begins = String::from_utf8_lossy(&object[..object.len().min(80)]).into_owned();
            self.first
                .get_or_insert_with(|| format!("{}; it begins {begins:?}", shortened(error.to_string())));
        }
    }

    /// Says so once for what came together.
    fn report(&mut self) {
        if let Some(first) = self.first.take() {
            let (resource, count) = (self.resource, self.count);
            tracing::warn!(resource, count, "objects of the API server are malformed and left out: {first}");
            self.count = 0;
        }
    }
}

/// `metadata.resourceVersion`.
fn version_of(object: &[u8]) -> Option<String> {
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
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// What a refusal says, be it the API's `Status` or a proxy's page.
pub(crate) async fn status_of(response: Response<Body>, idle: Duration) -> ApiStatus {
    let code = response.status().as_u16();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while bytes.len() < ERROR_BYTES {
        match timeout(idle, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                bytes.extend(frame.data_ref().map(|data| data.as_ref()).unwrap_or_default())
            }
            _ => break,
        }
    }
    bytes.truncate(ERROR_BYTES);
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

#[cfg(test)]
mod tests;
