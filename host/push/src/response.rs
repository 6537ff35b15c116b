//! The meaning of responses.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use insightd_delivery::{RejectedEvents, Reply, RetryClass};

use crate::otlp::{self, PartialSuccess};
use crate::remote_write::{self, Version};

/// Protocol of an endpoint: which failures are retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/HTTP: 429, 502, 503 and 504 are retried; a success may be partial.
    Otlp,
    /// Prometheus remote write: 429 and 5xx are retried; the server counts the samples that it has stored. Credentials and addresses that
    /// are refused are kept as well, although the specification lets senders drop them: an operator can correct them.
    RemoteWrite(Version),
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

    /// Returns the number of samples that a server of remote write 2.0 has stored, if it says so.
    fn samples_written(&self) -> Option<u64> {
        self.header(http::HeaderName::from_static(remote_write::SAMPLES_WRITTEN)).trim().parse().ok()
    }

    /// Returns true if the server does not know remote write 2.0: it says so, or it does not count what it has stored. A server that
    /// ignores the media type reads a request of 2.0 as an empty one of 1.0.
    pub(crate) fn refuses_version_2(&self) -> bool {
        self.status.as_u16() == 415 || self.status.is_success() && self.samples_written().is_none()
    }

    /// Returns the seconds in `Retry-After`; `None` for the rare date form, which leaves the usual wait.
    fn retry_after(&self) -> Option<Duration> {
        self.header(http::header::RETRY_AFTER).trim().parse().ok().map(Duration::from_secs)
    }
}

impl Protocol {
    /// Interprets a response of the endpoint at `what`. Also returns the data points that the server rejected out of an accepted request,
    /// with its message. `samples` counts those of the request if the server counts what it has stored.
    pub(crate) fn interpret(
        self,
        what: &str,
        response: &Received,
        samples: Option<&dyn Fn() -> u64>,
    ) -> (Reply, PartialSuccess) {
        let status = response.status;
        let is_otlp = self == Self::Otlp;
        let accepted = |partial: PartialSuccess| {
            let points = partial.rejected;
            (Reply::Accepted(RejectedEvents { points, ..RejectedEvents::default() }), partial)
        };
        if status.is_success() && is_otlp {
            return accepted(otlp::partial_success(response.content_type(), &response.body));
        }
        let message = otlp::error_message(response.content_type(), &response.body);
        let code = status.as_u16();
        if let Some(samples) = samples {
            let written = response.samples_written();
            // A server may store a part of a request and reject the rest.
            if status.is_success()
                || (status.is_client_error() && code != 429 && written.is_some_and(|count| count > 0))
            {
                let rejected = samples().saturating_sub(written.unwrap_or(0));
                let message = match written {
                    Some(_) if rejected == 0 => String::new(),
                    Some(_) => message,
                    None => "the response does not say how many samples were written: try `version: auto`"
                        .to_owned(),
                };
                return accepted(PartialSuccess { rejected, message });
            }
        }
        if status.is_success() {
            return accepted(PartialSuccess::default());
        }
        let retry =
            |retry_class, text: String| Reply::Retry { retry_class, only_destination: false, error: text };
        let reply = match code {
            429 => retry(
                RetryClass::Throttled(response.retry_after()),
                format!("{what}: throttled ({code}): {message}"),
            ),
            500..=599 if !is_otlp || matches!(code, 502..=504) => {
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
            300..=399 => retry(RetryClass::Refused, wrong_address(what, code, &message)),
            404 | 405 | 421 => retry(RetryClass::Refused, wrong_address(what, code, &message)),
            413 => {
                let option = if is_otlp { "max_points" } else { "max_series" };
                Reply::Undeliverable(format!(
                    "{what}: request too large ({code}); lower `{option}` of the formatter: {message}"
                ))
            }
            _ => Reply::Undeliverable(format!("{what}: rejected permanently ({code}): {message}")),
        };
        (reply, PartialSuccess::default())
    }
}

fn wrong_address(what: &str, code: u16, message: &str) -> String {
    format!("{what}: unexpected response ({code}); check `endpoint_url` and any proxy: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Reply {
        reply_of(Protocol::Otlp, status, headers, body)
    }

    fn reply_of(
        protocol: Protocol,
        status: u16,
        headers: &[(&'static str, &'static str)],
        body: &[u8],
    ) -> Reply {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let response = Received { status, headers: map, body: body.to_vec() };
        protocol.interpret("https://collector", &response, None).0
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

    /// A request of 10 samples in the current version of remote write.
    fn of_two(status: u16, headers: &[(&'static str, &'static str)]) -> Reply {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let response = Received { status, headers: map, body: b"why".to_vec() };
        Protocol::RemoteWrite(Version::Two).interpret("https://collector", &response, Some(&|| 10)).0
    }

    #[test]
    fn remote_write_retries_throttling_and_failures_of_the_server() {
        let after = [("retry-after", "7")];
        let seven = RetryClass::Throttled(Some(Duration::from_secs(7)));
        for version in [Version::One, Version::Two] {
            let of = |status, headers| reply_of(Protocol::RemoteWrite(version), status, headers, b"why");
            assert_eq!((class(of(429, &after)), class(of(503, &after))), (seven, seven));
            for status in [500, 501, 502, 503, 504, 599] {
                assert_eq!(class(of(status, &[])), RetryClass::Unavailable);
            }
            for status in [400, 408, 409, 413, 415, 422] {
                let Reply::Undeliverable(text) = of(status, &[]) else { panic!("{status}") };
                assert!(text.ends_with(": why"), "{text}");
            }
            for status in [302, 401, 403, 404, 405] {
                assert_eq!(class(of(status, &[])), RetryClass::Refused, "{status}");
            }
        }
    }

    #[test]
    fn samples_that_were_not_written_are_rejected() {
        let written = |count| [(remote_write::SAMPLES_WRITTEN, count)];
        let rejected = |points| Reply::Accepted(RejectedEvents { points, ..RejectedEvents::default() });
        assert_eq!(of_two(204, &written("10")), rejected(0));
        assert_eq!(of_two(200, &written("7")), rejected(3));
        assert_eq!(of_two(200, &written("11")), rejected(0));
        // Nothing was written by a server that does not say so.
        assert_eq!(of_two(204, &[]), rejected(10));
        assert_eq!(of_two(200, &written("many")), rejected(10));
        assert_eq!(of_two(400, &written("4")), rejected(6));
        assert!(matches!(of_two(400, &written("0")), Reply::Undeliverable(_)));
        assert_eq!(class(of_two(429, &written("4"))), RetryClass::Throttled(None));
        assert_eq!(class(of_two(500, &written("4"))), RetryClass::Unavailable);
    }
}
