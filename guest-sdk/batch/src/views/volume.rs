//! View of volumes.

use super::{Pod, view};

view! {
    /// A volume of a pod.
    Volume = "volume";

    /// Name of the volume within its pod.
    text name = "volume.name";
    /// Name of the persistent volume claim behind it.
    text claim = "volume.claim";

    /// Capacity, bytes.
    gauge capacity_bytes = "fs.capacity_bytes";
    /// Available space, bytes.
    gauge available_bytes = "fs.available_bytes";
    /// Used space, bytes.
    gauge used_bytes = "fs.used_bytes";
    /// Total number of inodes.
    gauge inodes = "fs.inodes";
    /// Number of free inodes.
    gauge inodes_free = "fs.inodes_free";
    /// Number of used inodes.
    gauge inodes_used = "fs.inodes_used";
}

impl<'a> Volume<'a> {
    /// Returns the pod that the volume belongs to.
    pub fn pod(self) -> Option<Pod<'a>> {
        self.parent().and_then(Pod::of)
    }
}
