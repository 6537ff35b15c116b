//! Responses to requests.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use insightd::server::{Body, Respond, Responding, plain, response};
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::check::check;
use super::document::{self, Failure};
use super::query::Query;
use super::session::Session;
use super::token::Token;
use super::{page, playground};

/// Maximum size of the body of a request, bytes: a configuration as a JSON text.
const MAX_BODY: usize = 512 << 10;
/// Maximum time for the body to arrive.
const ARRIVES: Duration = Duration::from_secs(10);
/// Maximum time of a run of the playground.
const RUN: Duration = Duration::from_secs(45);

const JSON: &str = "application/json";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
const HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

/// The page and its documents.
pub(super) struct Pages {
    token: Token,
    session: Arc<Session>,
}

impl Respond for Pages {
    fn respond(&self, request: Request<Incoming>) -> Responding<'_> {
        Box::pin(async move {
            let response = self.response(request).await;
            with_headers(response.unwrap_or_else(|failure| plain(failure.status, &failure.reason)))
        })
    }
}

impl Pages {
    /// Creates the page of a session.
    pub(super) fn new(token: Token, session: Arc<Session>) -> Self {
        Self { token, session }
    }

    async fn response(&self, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        let query = Query::parse(request.uri().query().unwrap_or_default()).map_err(Failure::bad)?;
        check(&request, &query, &self.token)
            .map_err(|rejected| Failure { status: rejected.status, reason: rejected.reason.into() })?;
        let path = request.uri().path().to_owned();
        let is_run = path == "/api/playground";
        match (request.method() == Method::POST, is_run) {
            (true, true) => self.run(request).await,
            (false, false) => self.get(path, query).await,
            _ => Err(Failure {
                status: StatusCode::METHOD_NOT_ALLOWED,
                reason: "method not allowed here".into(),
            }),
        }
    }

    async fn get(&self, path: String, query: Query) -> Result<Response<Body>, Failure> {
        if let Some(file) = page::find(&path) {
            let text = file.text.replace("TOKEN", self.token.as_str());
            let text = if file.path == page::PAGE.path { text } else { file.text.to_owned() };
            return Ok(response(StatusCode::OK, file.content_type, text));
        }
        let Some(name) = path.strip_prefix("/api/").map(str::to_owned) else {
            return Err(Failure::unknown());
        };
        let session = Arc::clone(&self.session);
        let made = spawn_blocking(move || {
            document::document(&session, &name, &query).map(|value| value.to_string())
        });
        let text = made.await.map_err(|_| Failure::broken())??;
        Ok(response(StatusCode::OK, JSON, text))
    }

    async fn run(&self, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        let body = timeout(ARRIVES, Limited::new(request.into_body(), MAX_BODY).collect()).await;
        let body = body.map_err(|_| Failure {
            status: StatusCode::REQUEST_TIMEOUT,
            reason: "the request is incomplete".into(),
        })?;
        let body = body.map_err(|_| Failure {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            reason: format!("the request is longer than {MAX_BODY} bytes"),
        })?;
        let (session, body) = (Arc::clone(&self.session), body.to_bytes());
        let run = spawn_blocking(move || playground::run(&session, &body));
        let result = timeout(RUN, run).await.map_err(|_| Failure {
            status: StatusCode::GATEWAY_TIMEOUT,
            reason: format!(
                "the run takes longer than {} s; it ends at the limits of its components",
                RUN.as_secs()
            ),
        })?;
        let value: Value = result.map_err(|_| Failure::broken())??;
        Ok(response(StatusCode::OK, JSON, value.to_string()))
    }
}

fn with_headers(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
