//! Request routing and responses. Only the method, the path, the query, the host and the `Accept` header of a request are used.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{ACCEPT, HeaderMap};
use hyper::{Method, Request, Response, StatusCode};

use super::history::History;
use super::metrics::Metrics;
use super::registry::StatusRegistry;
use super::{state, status};
use crate::server::{self, Body, OPEN_METRICS, PROMETHEUS, Respond, Responding, plain, response};
use crate::tap::{Query, Tap};
use crate::visible::{self, Style};

const JSON: &str = "application/json";
const JSON_LINES: &str = "application/x-ndjson";

/// Paths beside `/`, which lists them with their content.
const PATHS: [(&str, &str); 7] = [
    ("/healthz", "200 while ticks run: the liveness probe"),
    ("/readyz", "200 once something was delivered: the readiness probe; lists sources without data"),
    ("/metrics", "the agent's own metrics, for Prometheus"),
    ("/status", "bundles, rollout, components, sources and sinks, as JSON"),
    ("/v1/state", "status and metrics in one JSON document"),
    ("/v1/history", "the last hour of the agent's own metrics, as JSON"),
    ("/v1/tap", "batches and events as they pass, one JSON value a line"),
];

/// Responds to requests for one agent.
pub(super) struct Responder {
    pub(super) registry: Arc<StatusRegistry>,
    pub(super) metrics: Metrics,
    pub(super) history: Arc<History>,
    /// The tap, if it may be used through this server.
    pub(super) tap: Option<Arc<Tap>>,
}

impl Respond for Responder {
    fn respond(&self, request: Request<Incoming>) -> Responding<'_> {
        Box::pin(std::future::ready(self.response(&request)))
    }
}

impl Responder {
    /// Returns the response to a request.
    pub(super) fn response<B>(&self, request: &Request<B>) -> Response<Body> {
        let registry = &self.registry;
        if !server::is_ours(request, registry.node_name()) {
            return server::unknown_host();
        }
        let path = request.uri().path();
        if path != "/" && PATHS.iter().all(|(known, _)| *known != path) {
            let known = PATHS.map(|(path, _)| path).join(", ");
            return plain(StatusCode::NOT_FOUND, &format!("not found; available are /, {known}"));
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return server::method_not_allowed();
        }
        match path {
            "/" => self.index(),
            "/healthz" => match registry.alive() {
                Ok(alive) => plain(StatusCode::OK, &alive.to_string()),
                Err(stuck) => plain(StatusCode::SERVICE_UNAVAILABLE, &stuck.to_string()),
            },
            "/readyz" => readiness(registry),
            "/status" => json(&status::to_json(registry).to_string()),
            "/v1/state" => match self.metrics.write() {
                Ok(page) => json(&state::to_json(registry, &page)),
                Err(_) => unencodable(),
            },
            "/v1/history" => json(&self.history.to_json()),
            "/v1/tap" => self.tap(request.uri().query().unwrap_or_default(), request.method()),
            _ => page(&self.metrics, request.headers()),
        }
    }

    /// Returns the list of paths, for people.
    fn index(&self) -> Response<Body> {
        let mut text = format!("insightd {}", env!("CARGO_PKG_VERSION"));
        let node = self.registry.node_name();
        if !node.is_empty() {
            text.push_str(&format!(" on {}", visible::line(node)));
        }
        text.push('\n');
        for (path, content) in PATHS {
            let is_off = path == "/v1/tap" && self.tap.is_none();
            let off = if is_off { " (off here: `operations.tap`)" } else { "" };
            text.push_str(&format!("\n{path:<12} {content}{off}"));
        }
        plain(StatusCode::OK, &text)
    }

    fn tap(&self, query: &str, method: &Method) -> Response<Body> {
        let Some(tap) = &self.tap else {
            return plain(
                StatusCode::FORBIDDEN,
                "the tap is off here: use the agent's Unix socket, or set `operations.tap: true`",
            );
        };
        let query = match Query::parse(query) {
            Ok(query) => query,
            Err(error) => return plain(StatusCode::BAD_REQUEST, &error),
        };
        if *method == Method::HEAD {
            return response(StatusCode::OK, JSON_LINES, String::new());
        }
        match tap.listen(query) {
            Ok(lines) => response(StatusCode::OK, JSON_LINES, Body::stream(lines)),
            Err(error) => plain(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        }
    }
}

fn json(document: &str) -> Response<Body> {
    response(StatusCode::OK, JSON, format!("{}\n", visible::lines(document, Style::Json)))
}

fn unencodable() -> Response<Body> {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "cannot encode the metrics")
}

/// Returns 200 once ready, and 503 before that or while a component has no working version. Backends that never responded, or fail
/// now, are named in the text only: without them the agent delivers the data it has.
fn readiness(registry: &StatusRegistry) -> Response<Body> {
    let (mut status, mut text) = match registry.ready() {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, missing.to_string()),
    };
    // Unlike lost events, which are in the past, this lasts until an operator acts.
    for slot in
        registry.stats().0.iter().flat_map(|stats| &stats.components).filter(|slot| slot.failed_batches > 0)
    {
        status = StatusCode::SERVICE_UNAVAILABLE;
        let why = slot.stats.last_error.as_deref().unwrap_or("unknown error");
        text.push_str(&format!(
            "\n{}/{} ({}): no version worked for {} batches: {why}",
            slot.pipeline, slot.slot, slot.component, slot.failed_batches
        ));
    }
    for (scope, source) in registry.sources() {
        let state = source.snapshot();
        if state.last_success.is_none() {
            let why = state.error.as_deref().unwrap_or("no request yet, or no response");
            text.push_str(&format!("\nno data yet from {} (scope {scope}): {why}", source.source()));
        } else if let (Some(error), Some(last)) = (state.error, state.last_success) {
            let (name, age) = (source.source(), last.elapsed().as_secs());
            text.push_str(&format!("\nno data for {age} s from {name} (scope {scope}): {error}"));
        }
    }
    plain(status, &text)
}

/// Returns the metrics page. Its text is valid in both formats, so that only the content type depends on `Accept`.
fn page(metrics: &Metrics, headers: &HeaderMap) -> Response<Body> {
    let Ok(text) = metrics.write() else { return unencodable() };
    let is_open = server::accepts(headers, ACCEPT, "application/openmetrics-text");
    response(StatusCode::OK, if is_open { OPEN_METRICS } else { PROMETHEUS }, text)
}
