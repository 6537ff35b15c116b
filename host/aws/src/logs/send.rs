//! Transport to CloudWatch Logs: sends a body from the spool as one request.

use std::io::Read;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::SdkError;
use aws_sdk_cloudwatchlogs::operation::put_log_events::{PutLogEventsError, PutLogEventsOutput};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use flate2::read::GzDecoder;

use super::body::Destination;
use super::create::{Create, GroupSettings, create};
use super::explain::{Failure, explain};
use insightd_delivery::{RejectedEvents, Reply, RetryClass, Transport};

/// Header that announces messages in the embedded metric format, including its classic shape.
const FORMAT_HEADER: (&str, &str) = ("x-amzn-logs-format", "json/emf");

/// Maximum size of an uncompressed body, bytes; far above the size of any body of the agent, which unpacks to about 15 times its size.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;

/// Settings of requests.
#[derive(Clone, Debug, Default)]
pub struct LogsSettings {
    /// Endpoint to use instead of the service's own.
    pub endpoint_url: Option<String>,
    /// Sends bodies uncompressed, for stand-ins of the service that do not accept gzip.
    pub plain: bool,
    /// Resources that may be created.
    pub create: Create,
    /// Settings of new groups.
    pub group: GroupSettings,
}

/// A client of CloudWatch Logs.
#[derive(Clone, Debug)]
pub struct Logs {
    client: Client,
    settings: LogsSettings,
}

impl Logs {
    /// Creates a client from the shared configuration.
    pub fn new(config: &aws_config::SdkConfig, settings: LogsSettings) -> Self {
        let mut client = aws_sdk_cloudwatchlogs::config::Builder::from(config);
        if let Some(url) = &settings.endpoint_url {
            client = client.endpoint_url(url);
        }
        Self { client: Client::from_conf(client.build()), settings }
    }

    async fn put(
        &self,
        destination: &Destination,
        body: Vec<u8>,
    ) -> Result<PutLogEventsOutput, SdkError<PutLogEventsError, HttpResponse>> {
        let is_gzip = !self.settings.plain;
        // The SDK would build the same body from events. This one is complete: it is signed as is and kept for retries.
        let replace = move |request: &mut HttpRequest| {
            let headers = request.headers_mut();
            headers.insert(FORMAT_HEADER.0, FORMAT_HEADER.1);
            headers.insert("content-length", body.len().to_string());
            if is_gzip {
                headers.insert("content-encoding", "gzip");
            }
            *request.body_mut() = SdkBody::from(body.clone());
        };
        let request = self.client.put_log_events();
        let request = request.log_group_name(&destination.group).log_stream_name(&destination.stream);
        request.customize().mutate_request(replace).send().await
    }
}

impl Transport for Logs {
    async fn send(&self, key: &[u8], events: u32, gzip: Vec<u8>) -> Reply {
        let Some(destination) = Destination::from_key(key) else {
            return Reply::Undeliverable("a spool block has no log group and stream".to_owned());
        };
        let what = format!("log group `{}`, stream `{}`", destination.group, destination.stream);
        let body = match self.settings.plain {
            true => match unpack(&gzip, events, &what, MAX_UNPACKED_BYTES) {
                Ok(body) => body,
                Err(error) => return Reply::Undeliverable(error),
            },
            false => gzip,
        };
        let failure = match self.put(&destination, body).await {
            Ok(output) => return Reply::Accepted(rejected(&output, events)),
            Err(error) => explain(&error, "logs:PutLogEvents", &what),
        };
        if failure.is("DataAlreadyAcceptedException") {
            return Reply::Accepted(RejectedEvents::default());
        }
        if !failure.is("ResourceNotFoundException") || self.settings.create == Create::Nothing {
            return reply(failure);
        }
        match create(&self.client, &destination, self.settings.create, &self.settings.group).await {
            // The send scheduler decides when to send it again: at once.
            Ok(()) => Reply::Created,
            // A problem with the group's settings says nothing about the events, so they are kept.
            Err(failure) => Reply::Retry {
                retry_class: failure.retry_class.unwrap_or(RetryClass::Refused),
                only_destination: failure.only_destination,
                error: failure.error,
            },
        }
    }
}

fn reply(failure: Failure) -> Reply {
    match failure.retry_class {
        Some(retry_class) => {
            Reply::Retry { retry_class, only_destination: failure.only_destination, error: failure.error }
        }
        None => Reply::Undeliverable(failure.error),
    }
}

/// Counts the rejected events: the response gives the indices at which they begin or end.
fn rejected(output: &PutLogEventsOutput, events: u32) -> RejectedEvents {
    let Some(info) = output.rejected_log_events_info() else { return RejectedEvents::default() };
    let index = |index: i32| u32::try_from(index).unwrap_or(0).min(events);
    let too_old = info.too_old_log_event_end_index().map_or(0, index);
    RejectedEvents {
        too_old,
        // Both end indices count from the first event, and events that are too old have expired as well.
        expired: info.expired_log_event_end_index().map_or(0, index).saturating_sub(too_old),
        too_new: info.too_new_log_event_start_index().map_or(0, |start| events - index(start)),
        points: 0,
    }
}

/// Decompresses the body of a spool block. A body of more than `max_bytes` is an error, because a truncated one is not valid
/// JSON. `what` names the destination in the error text.
fn unpack(gzip: &[u8], events: u32, what: &str, max_bytes: u64) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    // One byte more distinguishes a longer body from one of exactly `max_bytes`.
    GzDecoder::new(gzip)
        .take(max_bytes + 1)
        .read_to_end(&mut body)
        .map_err(|error| format!("invalid gzip in a spool block: {error}"))?;
    if body.len() as u64 > max_bytes {
        return Err(format!(
            "a spool block of {events} events for {what} exceeds {max_bytes} bytes uncompressed"
        ));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_body_is_unpacked_whole_or_its_block_is_named() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"0123456789").unwrap();
        let gzip = encoder.finish().unwrap();
        let unpack = |gzip: &[u8], max_bytes| unpack(gzip, 7, "log group `shop`, stream `node-1`", max_bytes);
        assert_eq!(unpack(&gzip, 10).unwrap(), b"0123456789");
        assert_eq!(
            unpack(&gzip, 9).unwrap_err(),
            "a spool block of 7 events for log group `shop`, stream `node-1` exceeds 9 bytes uncompressed"
        );
        assert!(unpack(b"no gzip", 10).unwrap_err().starts_with("invalid gzip in a spool block: "));
        assert!(unpack(&gzip[..gzip.len() - 1], 10).is_err(), "truncated");
    }
}
