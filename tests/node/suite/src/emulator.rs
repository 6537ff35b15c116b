//! Access to the events stored by an emulator of CloudWatch Logs.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::event::Event;
use crate::node;

/// Returns all events of a log group.
pub(crate) fn stored(port: u16, group: &str) -> Result<Vec<Event>> {
    let streams = ask(port, "DescribeLogStreams", &json!({"logGroupName": group}))?;
    let mut events = Vec::new();
    for stream in streams["logStreams"].as_array().into_iter().flatten() {
        let mut token = Value::Null;
        loop {
            let mut request = json!({"logGroupName": group, "logStreamName": stream["logStreamName"], "startFromHead": true});
            if token.is_string() {
                request["nextToken"] = token;
            }
            let page = ask(port, "GetLogEvents", &request)?;
            let Some(found) = page["events"].as_array().filter(|found| !found.is_empty()) else { break };
            for event in found {
                let text = event["message"].as_str().context("an event has no message")?;
                events.push(
                    Event::parse(text).with_context(|| format!("stored text is not an event: {text}"))?,
                );
            }
            token = page["nextForwardToken"].clone();
        }
    }
    Ok(events)
}

fn ask(port: u16, operation: &str, request: &Value) -> Result<Value> {
    let body = request.to_string();
    let (status, answer) = node::ask(
        port,
        &format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: Logs_20140328.{operation}\r\nContent-Length: {}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/logs/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len()
        ),
    )
    .with_context(|| format!("{operation} of the emulator"))?;
    if status != 200 {
        bail!("{operation} of the emulator returned {status}: {answer}");
    }
    serde_json::from_str(&answer).with_context(|| format!("{operation} of the emulator: {answer}"))
}
