//! Request routing and responses. Only the method, the path, the host and the `Accept` header of a request are used.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HeaderMap};
use hyper::{Method, Request, Response, StatusCode};

use super::metrics::Metrics;
use super::registry::StatusRegistry;
use super::status;
use crate::server::{self, OPEN_METRICS, PROMETHEUS, plain, response};
use crate::visible::{self, Style};

/// A response with its whole body.
pub(super) type FullResponse = Response<Full<Bytes>>;

const JSON: &str = "application/json";

/// Returns the response to a request.
pub(super) fn respond<B>(registry: &StatusRegistry, metrics: &Metrics, request: &Request<B>) -> FullResponse {
    if !server::is_ours(request, registry.node_name()) {
        return server::unknown_host();
    }
    let path = request.uri().path();
    if !matches!(path, "/healthz" | "/readyz" | "/metrics" | "/status") {
        return plain(
            StatusCode::NOT_FOUND,
            "not found; available are /healthz, /readyz, /metrics and /status",
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return server::method_not_allowed();
    }
    match path {
        "/healthz" => match registry.alive() {
            Ok(alive) => plain(StatusCode::OK, &alive.to_string()),
            Err(stuck) => plain(StatusCode::SERVICE_UNAVAILABLE, &stuck.to_string()),
        },
        "/readyz" => readiness(registry),
        "/status" => response(
            StatusCode::OK,
            JSON,
            format!("{}\n", visible::lines(&status::to_json(registry).to_string(), Style::Json)),
        ),
        _ => page(metrics, request.headers()),
    }
}

/// Returns 200 once ready, and 503 before that or while a component has no working version. Backends that never responded, or fail
/// now, are named in the text only: without them the agent delivers the data it has.
fn readiness(registry: &StatusRegistry) -> FullResponse {
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
fn page(metrics: &Metrics, headers: &HeaderMap) -> FullResponse {
    let Ok(text) = metrics.write() else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "cannot encode the metrics");
    };
    let is_open = server::accepts(headers, ACCEPT, "application/openmetrics-text");
    response(StatusCode::OK, if is_open { OPEN_METRICS } else { PROMETHEUS }, text)
}
