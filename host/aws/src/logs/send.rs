//! One request: a body as the spool has it.

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

/// Tells the service that messages may be in the embedded metric format, the classic shape included.
const FORMAT_HEADER: (&str, &str) = ("x-amzn-logs-format", "json/emf");

/// A body is some twenty times as large when it is unpacked; what is far beyond is none of ours.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;

/// How requests are made.
#[derive(Clone, Debug, Default)]
pub struct LogsSettings {
    /// Address in place of the service's own.
    pub endpoint_url: Option<String>,
    /// Bodies go unpacked, for what stands in for the service and does not take gzip.
    pub plain: bool,
    /// What may be created.
    pub create: Create,
    /// What new groups get.
    pub group: GroupSettings,
}

/// The service.
#[derive(Clone, Debug)]
pub struct Logs {
    client: Client,
    settings: LogsSettings,
}

impl Logs {
    /// Sends with these credentials.
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
        // The SDK would make the same body out of events; this one is ready, signed as it is and kept for the next try.
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
            return Reply::Impossible("a block in the spool names no log group and stream".to_owned());
        };
        let body = match self.settings.plain {
            true => match unpack(&gzip) {
                Ok(body) => body,
                Err(error) => return Reply::Impossible(format!("a block in the spool is no gzip: {error}")),
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
            // Sent again by the one who decides when: at once.
            Ok(()) => Reply::Created,
            // Whatever is wrong with the group's settings, the events are not.
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

/// The service says where, in its order of events, those begin or end that it threw away.
fn rejected(output: &PutLogEventsOutput, events: u32) -> Rejected {
    let Some(info) = output.rejected_log_events_info() else { return Rejected::default() };
    let index = |index: i32| u32::try_from(index).unwrap_or(0).min(events);
    let too_old = info.too_old_log_event_end_index().map_or(0, index);
    Rejected {
        too_old,
        // Both end indices count from the first event: what is too old has also expired.
        expired: info.expired_log_event_end_index().map_or(0, index).saturating_sub(too_old),
        too_new: info.too_new_log_event_start_index().map_or(0, |start| events - index(start)),
    }
}

fn unpack(gzip: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    GzDecoder::new(gzip).take(MAX_UNPACKED_BYTES).read_to_end(&mut body)?;
    Ok(body)
}
