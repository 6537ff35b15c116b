//! Responses of OTLP receivers (OpenTelemetry protocol 1.x, "OTLP/HTTP Response"): protobuf, or JSON if the server prefers it.

use insightd_upstream::error_text::shortened;
use insights_batch::protobuf::{Fields, Value};

/// The part of a successful response about data that the server did not accept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartialSuccess {
    /// Rejected data points.
    pub(crate) rejected: u64,
    /// The server's explanation, also of warnings without a rejected point; empty if there is none.
    pub(crate) message: String,
}

/// Parses the body of a successful response. A body that cannot be parsed counts as complete success, as an empty one does.
pub(crate) fn partial_success(content_type: &str, body: &[u8]) -> PartialSuccess {
    let found = if is_json(content_type) { from_json(body) } else { from_protobuf(body) };
    let PartialSuccess { rejected, message } = found.unwrap_or_default();
    PartialSuccess { rejected, message: shortened(message.trim()) }
}

/// Returns the message of an error response: that of a `google.rpc.Status`, else the body as text.
pub(crate) fn error_message(content_type: &str, body: &[u8]) -> String {
    let message = if is_json(content_type) {
        serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|json| {
            ["message", "Message"].iter().find_map(|key| Some(json.get(key)?.as_str()?.to_owned()))
        })
    } else if content_type.contains("protobuf") {
        text(well_formed(body).find_map(|(number, value)| (number == 2).then_some(value)))
    } else {
        None
    };
    let message = message.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let message = message.trim();
    if message.is_empty() { "no message".to_owned() } else { shortened(message) }
}

fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// Parses an `ExportMetricsServiceResponse`: `partial_success` = 1 with `rejected_data_points` = 1 and `error_message` = 2.
fn from_protobuf(body: &[u8]) -> Option<PartialSuccess> {
    let (_, Value::Bytes(partial)) = well_formed(body).find(|(number, _)| *number == 1)? else { return None };
    let mut found = PartialSuccess::default();
    for (number, value) in well_formed(partial) {
        match (number, value) {
            // A negative number, which needs the highest bit, has no meaning.
            (1, Value::Varint(rejected)) => {
                found.rejected = i64::try_from(rejected).map_or(0, i64::unsigned_abs)
            }
            (2, message) => found.message = text(Some(message))?,
            _ => {}
        }
    }
    Some(found)
}

/// Returns the fields before the first malformed one.
fn well_formed(message: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    Fields::new(message).map_while(Result::ok)
}

/// Parses the JSON form, in which 64-bit integers are strings.
fn from_json(body: &[u8]) -> Option<PartialSuccess> {
    let json: serde_json::Value = serde_json::from_slice(body).ok()?;
    let partial = json.get("partialSuccess")?;
    let rejected = partial.get("rejectedDataPoints");
    let rejected = rejected.and_then(|number| number.as_u64().or_else(|| number.as_str()?.parse().ok()));
    let message = partial.get("errorMessage").and_then(serde_json::Value::as_str);
    Some(PartialSuccess { rejected: rejected.unwrap_or(0), message: message.unwrap_or_default().to_owned() })
}

fn text(value: Option<Value<'_>>) -> Option<String> {
    match value {
        Some(Value::Bytes(bytes)) => std::str::from_utf8(bytes).ok().map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOBUF: &str = "application/x-protobuf";

    #[test]
    fn rejected_points_are_counted() {
        let body = [0x0a, 8, 0x08, 7, 0x12, 4, b'l', b'a', b't', b'e'];
        let late = PartialSuccess { rejected: 7, message: "late".into() };
        assert_eq!(partial_success(PROTOBUF, &body), late);
        let json = br#"{"partialSuccess":{"rejectedDataPoints":"7","errorMessage":" late "}}"#;
        assert_eq!(partial_success("application/json; charset=utf-8", json), late);
        let number = br#"{"partialSuccess":{"rejectedDataPoints":7,"errorMessage":"late"}}"#;
        assert_eq!(partial_success("application/json", number), late);
    }

    #[test]
    fn anything_else_is_complete_success() {
        let negative = [0x0a, 11, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        for (content_type, body) in [
            (PROTOBUF, b"".as_slice()),
            (PROTOBUF, &negative),
            (PROTOBUF, b"\x0a\x09x"),
            ("application/json", b"{}"),
            ("application/json", b"{\"partialSuccess\":{}}"),
            ("application/json", b"no"),
            ("", b"ok"),
        ] {
            assert_eq!(partial_success(content_type, body), PartialSuccess::default(), "{body:?}");
        }
    }

    #[test]
    fn errors_have_the_servers_message() {
        assert_eq!(error_message(PROTOBUF, &[0x08, 3, 0x12, 3, b'b', b'a', b'd']), "bad");
        assert_eq!(error_message("application/json", br#"{"code":3,"message":"bad"}"#), "bad");
        assert_eq!(error_message("application/json", br#"{"Message":"bad"}"#), "bad");
        assert_eq!(error_message("text/plain", b"bad\n"), "bad");
        assert_eq!(error_message(PROTOBUF, b""), "no message");
        assert!(error_message("text/html", "ä".repeat(1 << 16).as_bytes()).chars().count() < 300);
    }
}
