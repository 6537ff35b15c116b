//! Request routing and responses. Only the method, the path, the host and the `Accept` header of a request are used.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::host;
use super::metrics::Metrics;
use super::registry::StatusRegistry;
use super::status;
use crate::visible::{self, Style};

/// A response with its whole body.
pub(super) type FullResponse = Response<Full<Bytes>>;

const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the response to a request.
pub(super) fn respond<B>(registry: &StatusRegistry, metrics: &Metrics, request: &Request<B>) -> FullResponse {
    if !host::is_ours(request, registry.node_name()) {
        return plain(
            StatusCode::MISDIRECTED_REQUEST,
            "unknown host: use an IP address, `localhost` or the node name",
        );
    }
    let path = request.uri().path();
    if !matches!(path, "/healthz" | "/readyz" | "/metrics" | "/status") {
        return plain(
            StatusCode::NOT_FOUND,
            "not found; available are /healthz, /readyz, /metrics and /status",
        );
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed: use GET or HEAD");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
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
    let accepts = |accept: &HeaderValue| {
        accept.to_str().is_ok_and(|accept| accept.contains("application/openmetrics-text"))
    };
    let open = headers.get_all(ACCEPT).iter().any(accepts);
    response(StatusCode::OK, if open { OPEN_METRICS } else { PROMETHEUS }, text)
}

fn plain(status: StatusCode, text: &str) -> FullResponse {
    response(status, PLAIN, format!("{}\n", visible::lines(text, Style::Text)))
}

fn response(status: StatusCode, content_type: &'static str, text: String) -> FullResponse {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
