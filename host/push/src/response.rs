//! The meaning of responses.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use insightd_delivery::{RejectedEvents, Reply, RetryClass};

use crate::otlp::{self, PartialSuccess};

/// Protocol of an endpoint: which failures are retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/HTTP: 429, 502, 503 and 504 are retried; a success may be partial.
    Otlp,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: http::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn content_type(&self) -> &str {
        self.header(http::header::CONTENT_TYPE)
    }

    /// Returns the seconds in `Retry-After`; `None` for the rare date form, which leaves the usual wait.
    fn retry_after(&self) -> Option<Duration> {
        self.header(http::header::RETRY_AFTER).trim().parse().ok().map(Duration::from_secs)
    }
}

impl Protocol {
    /// Interprets a response of the endpoint at `what`. Also returns the data points that the server rejected out of an accepted request,
    /// with its message.
    pub(crate) fn interpret(self, what: &str, response: &Received) -> (Reply, PartialSuccess) {
        let status = response.status;
        if status.is_success() {
            let partial = otlp::partial_success(response.content_type(), &response.body);
            let points = partial.rejected;
            return (Reply::Accepted(RejectedEvents { points, ..RejectedEvents::default() }), partial);
        }
        let message = otlp::error_message(response.content_type(), &response.body);
        let retry =
            |retry_class, text: String| Reply::Retry { retry_class, only_destination: false, error: text };
        let code = status.as_u16();
        let reply = match code {
            429 => retry(
                RetryClass::Throttled(response.retry_after()),
                format!("{what}: throttled ({code}): {message}"),
            ),
            502..=504 => {
                let retry_class = match response.retry_after() {
                    Some(after) => RetryClass::Throttled(Some(after)),
                    None => RetryClass::Unavailable,
                };
                retry(retry_class, format!("{what}: service unavailable ({code}): {message}"))
            }
            401 | 403 | 407 => retry(
                RetryClass::Refused,
                format!("{what}: refused ({code}); check credentials and permissions: {message}"),
            ),
            // Not about this body but about the address, which an operator can correct.
            300..=399 | 404 | 405 | 421 => retry(
                RetryClass::Refused,
                format!(
                    "{what}: unexpected response ({code}); check `endpoint_url` and any proxy: {message}"
                ),
            ),
            413 => Reply::Undeliverable(format!(
                "{what}: request too large ({code}); lower `max_points` of the formatter: {message}"
            )),
            _ => Reply::Undeliverable(format!("{what}: rejected permanently ({code}): {message}")),
        };
        (reply, PartialSuccess::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Reply {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let response = Received { status, headers: map, body: body.to_vec() };
        Protocol::Otlp.interpret("https://collector", &response).0
    }

    fn class(reply: Reply) -> RetryClass {
        match reply {
            Reply::Retry { retry_class, only_destination: false, error } => {
                assert!(error.starts_with("https://collector: "), "{error}");
                retry_class
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_statuses_of_the_specification_are_retried_at_once() {
        let after = [("retry-after", "7")];
        assert_eq!(class(reply(429, &after, b"")), RetryClass::Throttled(Some(Duration::from_secs(7))));
        assert_eq!(class(reply(429, &[], b"")), RetryClass::Throttled(None));
        assert_eq!(class(reply(503, &after, b"")), RetryClass::Throttled(Some(Duration::from_secs(7))));
        for status in [502, 503, 504] {
            assert_eq!(
                class(reply(status, &[("retry-after", "Tue, 1 Jan 2030 00:00:00 GMT")], b"")),
                RetryClass::Unavailable
            );
        }
        for status in [301, 401, 403, 404, 405] {
            assert_eq!(class(reply(status, &[], b"")), RetryClass::Refused);
        }
        for status in [400, 408, 413, 415, 422, 500, 501] {
            let Reply::Undeliverable(text) = reply(status, &[("content-type", "text/plain")], b"why") else {
                panic!("{status}")
            };
            assert!(text.contains(&format!("({status})")) && text.ends_with(": why"), "{text}");
        }
    }

    #[test]
    fn a_partial_success_is_accepted() {
        let json = [("content-type", "application/json")];
        let body = br#"{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"old"}}"#;
        let rejected = RejectedEvents { points: 3, ..RejectedEvents::default() };
        assert_eq!(reply(200, &json, body), Reply::Accepted(rejected));
        assert_eq!(reply(202, &[], b""), Reply::Accepted(RejectedEvents::default()));
    }
}
