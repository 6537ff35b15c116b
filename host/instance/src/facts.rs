//! Facts about the instance, as readers get them.

/// A snapshot of the known facts about the instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceFacts {
    /// Identity of the instance.
    pub identity: Option<Identity>,
    /// Name of its Auto Scaling group.
    pub autoscaling_group: Option<String>,
    /// Name of the cluster in its tags.
    pub cluster_name: Option<String>,
    /// Volumes with the device names of their attachments.
    pub attachments: Vec<Attachment>,
}

/// Identity of the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Instance id, such as `i-0123456789abcdef0`.
    pub instance_id: String,
    /// Instance type, such as `m5.large`.
    pub instance_type: Option<String>,
    /// Region, such as `us-west-2`.
    pub region: String,
    /// Availability zone, such as `us-west-2a`.
    pub zone: Option<String>,
}

/// An attached volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Device name given when the volume was attached, such as `/dev/sdf`; the kernel may use another name.
    pub device: String,
    /// Availability zone of the volume.
    pub zone: String,
    /// Volume id, such as `vol-0123456789abcdef0`.
    pub volume_id: String,
}
