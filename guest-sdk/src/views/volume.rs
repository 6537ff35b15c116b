//! Volumes.

use super::{Pod, view};

view! {
    /// A volume of a pod.
    Volume = "volume";

    /// Name within its pod.
    text name = "volume.name";
    /// The claim behind it.
    text claim = "volume.claim";

    /// Size, bytes.
    gauge capacity_bytes = "fs.capacity_bytes";
    /// Room that is left, bytes.
    gauge available_bytes = "fs.available_bytes";
    /// Room that is taken, bytes.
    gauge used_bytes = "fs.used_bytes";
    /// Inodes there are.
    gauge inodes = "fs.inodes";
    /// Inodes that are left.
    gauge inodes_free = "fs.inodes_free";
    /// Inodes that are taken.
    gauge inodes_used = "fs.inodes_used";
}

impl<'a> Volume<'a> {
    /// The pod that it belongs to.
    pub fn pod(self) -> Option<Pod<'a>> {
        self.parent().and_then(Pod::of)
    }
}
