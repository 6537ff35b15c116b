//! Rows of responses: the fields of tags and volumes that the agent uses.

use aws_smithy_xml::decode::{ScopedDecoder, XmlDecodeError, try_data};

use super::Row;

/// A tag of a resource.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) resource_id: Option<String>,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// A volume.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) zone: String,
    pub(crate) attachments: Vec<VolumeAttachment>,
}

/// An attachment of a volume to an instance.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct VolumeAttachment {
    pub(crate) instance_id: Option<String>,
    pub(crate) device: Option<String>,
    /// `attaching`, `attached`, `detaching`, `detached` or `busy`.
    pub(crate) state: Option<String>,
}

impl Row for Tag {
    const OPERATION: &'static str = "DescribeTags";
    const PERMISSION: &'static str = crate::tags::ACTION;
    const SET: &'static str = "tagSet";
    const NOUN: &'static str = "tags";
    const PAGE_SIZE: usize = 1000;

    fn read(item: &mut ScopedDecoder<'_, '_>) -> Result<Option<Self>, XmlDecodeError> {
        let (mut resource_id, mut key, mut value) = (None, None, None);
        while let Some(mut field) = item.next_tag() {
            match field.start_el().local() {
                "resourceId" => resource_id = Some(text(&mut field)?),
                "key" => key = Some(text(&mut field)?),
                "value" => value = Some(text(&mut field)?),
                _ => {}
            }
        }
        Ok(key.map(|key| Self { resource_id, key, value: value.unwrap_or_default() }))
    }
}

impl Row for Volume {
    const OPERATION: &'static str = "DescribeVolumes";
    const PERMISSION: &'static str = crate::volumes::ACTION;
    const SET: &'static str = "volumeSet";
    const NOUN: &'static str = "volumes";
    const PAGE_SIZE: usize = 500;

    fn read(item: &mut ScopedDecoder<'_, '_>) -> Result<Option<Self>, XmlDecodeError> {
        let (mut id, mut zone, mut attachments) = (None, None, Vec::new());
        while let Some(mut field) = item.next_tag() {
            match field.start_el().local() {
                "volumeId" => id = Some(text(&mut field)?),
                "availabilityZone" => zone = Some(text(&mut field)?),
                "attachmentSet" => {
                    while let Some(mut item) = field.next_tag() {
                        attachments.push(VolumeAttachment::read(&mut item)?);
                    }
                }
                _ => {}
            }
        }
        Ok(id.zip(zone).map(|(id, zone)| Self { id, zone, attachments }))
    }
}

impl VolumeAttachment {
    fn read(item: &mut ScopedDecoder<'_, '_>) -> Result<Self, XmlDecodeError> {
        let mut attachment = Self::default();
        while let Some(mut field) = item.next_tag() {
            match field.start_el().local() {
                "instanceId" => attachment.instance_id = Some(text(&mut field)?),
                "device" => attachment.device = Some(text(&mut field)?),
                "status" => attachment.state = Some(text(&mut field)?),
                _ => {}
            }
        }
        Ok(attachment)
    }
}

/// Returns the text of an element; fails if it contains other elements.
fn text(field: &mut ScopedDecoder<'_, '_>) -> Result<String, XmlDecodeError> {
    try_data(field).map(|text| text.into_owned())
}
