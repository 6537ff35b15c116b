//! Groups and streams that are not there yet.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client;

use super::body::Destination;
use super::explain::{Failure, explain};

/// What the agent may create.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Create {
    /// Groups and streams.
    #[default]
    Group,
    /// Streams in groups that are there.
    Stream,
    /// Nothing.
    Nothing,
}

/// What a group gets that the agent creates. Groups that exist are left as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSettings {
    /// After how many days events are deleted; never without.
    pub retention_days: Option<u16>,
    /// Tags of the group.
    pub tags: BTreeMap<String, String>,
    /// ARN of the key that events are encrypted with.
    pub kms_key: Option<String>,
}

/// Creates what is missing. That somebody else did so meanwhile is as good.
pub(super) async fn create(
    client: &Client,
    destination: &Destination,
    create: Create,
    settings: &GroupSettings,
) -> Result<(), Failure> {
    match stream(client, destination).await {
        Err(failure) if failure.is("ResourceNotFoundException") && create == Create::Group => {
            group(client, &destination.group, settings).await?;
            stream(client, destination).await
        }
        result => result,
    }
}

async fn stream(client: &Client, destination: &Destination) -> Result<(), Failure> {
    let Destination { group, stream } = destination;
    let sent = client.create_log_stream().log_group_name(group).log_stream_name(stream).send().await;
    match sent.map_err(|error| explain(&error, "logs:CreateLogStream", &format!("log group `{group}`"))) {
        Err(failure) if failure.is("ResourceAlreadyExistsException") => Ok(()),
        Err(failure) => Err(failure),
        Ok(_) => {
            tracing::info!(group, stream, "log stream created");
            Ok(())
        }
    }
}

async fn group(client: &Client, group: &str, settings: &GroupSettings) -> Result<(), Failure> {
    let what = format!("log group `{group}`");
    let tags = (!settings.tags.is_empty()).then(|| settings.tags.clone().into_iter().collect());
    let request = client.create_log_group().log_group_name(group).set_tags(tags);
    let sent = request.set_kms_key_id(settings.kms_key.clone()).send().await;
    match sent.map_err(|error| explain(&error, "logs:CreateLogGroup", &what)) {
        // Whoever made it sees to its retention.
        Err(failure) if failure.is("ResourceAlreadyExistsException") => return Ok(()),
        Err(failure) => return Err(failure),
        Ok(_) => tracing::info!(group, "log group created"),
    }
    if let Some(days) = settings.retention_days {
        let request = client.put_retention_policy().log_group_name(group).retention_in_days(days.into());
        if let Err(error) = request.send().await {
            // The group is there and takes events; that they are kept too long is no reason to keep them back.
            let failure = explain(&error, "logs:PutRetentionPolicy", &what);
            tracing::warn!(group, days, error = failure.words, "the group keeps events for ever");
        }
    }
    Ok(())
}
