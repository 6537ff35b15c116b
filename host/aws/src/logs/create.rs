//! Creation of missing log groups and streams.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client;

use super::body::Destination;
use super::explain::{Failure, explain};

/// Resources that the agent may create.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Create {
    /// Log groups and streams.
    #[default]
    Group,
    /// Streams in existing groups.
    Stream,
    /// No resources.
    Nothing,
}

/// Settings of log groups that the agent creates. Existing groups are not changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSettings {
    /// Days after which events are deleted; `None` keeps them indefinitely.
    pub retention_days: Option<u16>,
    /// Tags of the group.
    pub tags: BTreeMap<String, String>,
    /// ARN of the KMS key that encrypts the events.
    pub kms_key: Option<String>,
}

/// Creates the missing stream, and its group if allowed. A resource that was created concurrently is not an error.
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
        // The creator of the group sets its retention.
        Err(failure) if failure.is("ResourceAlreadyExistsException") => return Ok(()),
        Err(failure) => return Err(failure),
        Ok(_) => tracing::info!(group, "log group created"),
    }
    if let Some(days) = settings.retention_days {
        let request = client.put_retention_policy().log_group_name(group).retention_in_days(days.into());
        if let Err(error) = request.send().await {
            // The group exists and accepts events; a missing retention is no reason to withhold them.
            let failure = explain(&error, "logs:PutRetentionPolicy", &what);
            tracing::warn!(
                group,
                days,
                error = failure.error,
                "cannot set the retention; events never expire"
            );
        }
    }
    Ok(())
}
