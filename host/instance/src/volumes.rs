//! Volumes of the instance, by the name that they were attached under.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, VolumeAttachmentState};
use insightd_peer::Status;

use super::explain::{AskError, explain};

/// What the request needs.
pub const ACTION: &str = "ec2:DescribeVolumes";

/// No instance has more than some hundred volumes; more pages than this are no answer.
const MAX_PAGES: usize = 20;

/// A volume that is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The name that was asked for when it was attached, such as `/dev/sdf`: the kernel may call it otherwise.
    pub device: String,
    /// Availability zone of the volume.
    pub zone: String,
    /// Such as `vol-0123456789abcdef0`.
    pub volume_id: String,
}

/// Asks for the volumes of an instance.
///
/// # Errors
/// In words for an operator.
pub async fn ask(client: &Client, instance_id: &str, status: &Status) -> Result<Vec<Attachment>, AskError> {
    let filter = Filter::builder().name("attachment.instance-id").values(instance_id).build();
    let mut pages = client.describe_volumes().filters(filter).into_paginator().page_size(500).send();
    let mut attachments = Vec::new();
    for page in 0.. {
        if page == MAX_PAGES {
            let says = format!("more than {MAX_PAGES} pages of volumes");
            return Err(AskError::Other { action: ACTION, says });
        }
        status.requested();
        let Some(answer) = pages.next().await else { break };
        let answer = answer.map_err(|error| explain(&error, ACTION))?;
        for volume in answer.volumes.iter().flatten() {
            let (Some(id), Some(zone)) = (volume.volume_id(), volume.availability_zone()) else { continue };
            // A volume can be attached to several instances, under other names there.
            let own = volume.attachments().iter().filter(|attachment| {
                attachment.instance_id() == Some(instance_id)
                    && attachment.state() != Some(&VolumeAttachmentState::Detached)
            });
            for device in own.filter_map(|attachment| attachment.device()) {
                let (device, zone, volume_id) = (device.to_owned(), zone.to_owned(), id.to_owned());
                attachments.push(Attachment { device, zone, volume_id });
            }
        }
        if answer.next_token.is_none_or(|token| token.is_empty()) {
            break;
        }
    }
    attachments.sort_by(|a, b| a.device.cmp(&b.device));
    Ok(attachments)
}
