//! Volumes of the instance, by the device name of their attachment.

use insightd_aws::operation::ApiError;
use insightd_upstream::UpstreamStatus;

use super::ec2::{Client, Volume};
use super::facts::Attachment;

/// IAM permission of the request.
pub(crate) const ACTION: &str = "ec2:DescribeVolumes";

/// Requests the volumes of an instance.
///
/// # Errors
/// If a request fails; the error tells operators what to do.
pub async fn describe(
    client: &Client,
    instance_id: &str,
    status: &UpstreamStatus,
) -> Result<Vec<Attachment>, ApiError> {
    let volumes = client.list::<Volume>(&[("attachment.instance-id", instance_id)], status).await?;
    let mut attachments = Vec::new();
    for Volume { id, zone, attachments: all } in volumes {
        // A volume can be attached to several instances, with different device names.
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
