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
use crate::delivery::{Post, Rejected, Reply, Trouble};

/// Header that announces messages in the embedded metric format, including its classic shape.
const FORMAT_HEADER: (&str, &str) = ("x-amzn-logs-format", "json/emf");

/// Upper bound on an unpacked body, bytes; far above the size of any body of the agent, which unpacks to about 15 times its size.
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

impl Post for Logs {
    async fn send(&self, key: &[u8], events: u32, gzip: Vec<u8>) -> Reply {
        let Some(destination) = Destination::from_key(key) else {
            return Reply::Impossible("a spool block has no log group and stream".to_owned());
        };
        let body = match self.settings.plain {
            true => match unpack(&gzip) {
                Ok(body) => body,
                Err(error) => return Reply::Impossible(format!("invalid gzip in a spool block: {error}")),
            },
            false => gzip,
        };
        let what = format!("log group `{}`, stream `{}`", destination.group, destination.stream);
        let failure = match self.put(&destination, body).await {
            Ok(output) => return Reply::Accepted(rejected(&output, events)),
            Err(error) => explain(&error, "logs:PutLogEvents", &what),
        };
        if failure.is("DataAlreadyAcceptedException") {
            return Reply::Accepted(Rejected::default());
        }
        if !failure.is("ResourceNotFoundException") || self.settings.create == Create::Nothing {
            return reply(failure);
        }
        match create(&self.client, &destination, self.settings.create, &self.settings.group).await {
            // The send scheduler decides when to send it again: at once.
            Ok(()) => Reply::Created,
            // A problem with the group's settings says nothing about the events, so they are kept.
            Err(failure) => Reply::NotNow {
                trouble: failure.trouble.unwrap_or(Trouble::Refused),
                only_destination: failure.only_destination,
                error: failure.words,
            },
        }
    }
}

fn reply(failure: Failure) -> Reply {
    match failure.trouble {
        Some(trouble) => {
            Reply::NotNow { trouble, only_destination: failure.only_destination, error: failure.words }
        }
        None => Reply::Impossible(failure.words),
    }
}

/// Counts the rejected events: the response gives the indices at which they begin or end.
fn rejected(output: &PutLogEventsOutput, events: u32) -> Rejected {
    let Some(info) = output.rejected_log_events_info() else { return Rejected::default() };
    let index = |index: i32| u32::try_from(index).unwrap_or(0).min(events);
    let too_old = info.too_old_log_event_end_index().map_or(0, index);
    Rejected {
        too_old,
        // Both end indices count from the first event, and events that are too old have expired as well.
        expired: info.expired_log_event_end_index().map_or(0, index).saturating_sub(too_old),
        too_new: info.too_new_log_event_start_index().map_or(0, |start| events - index(start)),
    }
}

fn unpack(gzip: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    GzDecoder::new(gzip).take(MAX_UNPACKED_BYTES).read_to_end(&mut body)?;
    Ok(body)
}
