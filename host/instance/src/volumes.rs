//! Volumes of the instance, by the name that they were attached under.

use insightd_peer::Status;

use super::ec2::{Client, Volume};
use super::explain::AskError;

/// What the request needs.
pub const ACTION: &str = "ec2:DescribeVolumes";

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
    let volumes = client.list::<Volume>(&[("attachment.instance-id", instance_id)], status).await?;
    let mut attachments = Vec::new();
    for Volume { id, zone, attachments: all } in volumes {
        // A volume can be attached to several instances, under other names there.
        let own = all.into_iter().filter(|attachment| {
            attachment.instance_id.as_deref() == Some(instance_id)
                && attachment.state.as_deref() != Some("detached")
        });
        for device in own.filter_map(|attachment| attachment.device) {
            attachments.push(Attachment { device, zone: zone.clone(), volume_id: id.clone() });
        }
    }
    attachments.sort_by(|a, b| a.device.cmp(&b.device));
    Ok(attachments)
}
