//! Which mounts are file systems of the node.
//!
//! A file system counts when it lies on a block device (`/dev/…`) and its type is one of those that the node's own data
//! lie on, and the one mounted at `/` counts whatever it lies on: a container's overlay, a ZFS pool. Memory file systems
//! (`/dev/shm`), layers of containers, network exports and projected volumes do not.
//!
//! One device counts once, however often it is bound elsewhere. The mount that speaks for it is the one at `/`, else one
//! of the whole file system (a bound folder may have a quota of its own), else the shortest path.

use crate::cgroup::files::DeviceNumber;
use crate::proc::mountinfo::Mount;

/// Other mounts of the same device are remembered up to this many, in case the first cannot be reached.
const MAX_POINTS: usize = 4;
/// A node with more devices than this does not exist; a mount list may claim otherwise.
const MAX_FILESYSTEMS: usize = 512;

/// A file system that is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filesystem {
    /// Its block device, or the word that stands for it.
    pub(crate) device: String,
    pub(crate) fs_type: String,
    pub(crate) number: DeviceNumber,
    /// Where it is mounted, the best point first.
    pub(crate) points: Vec<String>,
}

#[derive(Debug)]
struct Candidate {
    device: String,
    fs_type: String,
    number: DeviceNumber,
    point: String,
    whole: bool,
}

/// Collects candidates from a mount list.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    candidates: Vec<Candidate>,
}

impl Selection {
    pub(crate) fn see(&mut self, mount: &Mount<'_>) {
        // what is mounted later at the same point hides what was there
        self.candidates.retain(|known| known.point != mount.point);
        if !counts(mount) || self.candidates.len() >= MAX_FILESYSTEMS {
            return;
        }
        self.candidates.push(Candidate {
            device: mount.source.clone().into_owned(),
            fs_type: mount.fs_type.to_owned(),
            number: mount.device,
            point: mount.point.clone().into_owned(),
            whole: mount.root == "/",
        });
    }

    /// One a device, in order of device.
    pub(crate) fn finish(mut self) -> Vec<Filesystem> {
        self.candidates.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let mut filesystems: Vec<Filesystem> = Vec::new();
        for Candidate { device, fs_type, number, point, .. } in self.candidates {
            // a device may be known by several names, and several file systems (subvolumes) may share one
            let same = |known: &&mut Filesystem| {
                known.device == device || (number.major != 0 && known.number == number)
            };
            match filesystems.iter_mut().find(same) {
                Some(known) if known.points.len() < MAX_POINTS => known.points.push(point),
                Some(_) => {}
                None => filesystems.push(Filesystem { device, fs_type, number, points: vec![point] }),
            }
        }
        filesystems.sort_by(|a, b| a.device.cmp(&b.device));
        filesystems
    }
}

impl Candidate {
    fn rank(&self) -> (bool, bool, usize, &str) {
        (self.point != "/", !self.whole, self.point.len(), &self.point)
    }
}

fn counts(mount: &Mount<'_>) -> bool {
    let local = mount.fs_type.starts_with("ext") || matches!(mount.fs_type, "xfs" | "btrfs" | "zfs");
    let on_device = local && mount.source.starts_with("/dev/");
    // an initial RAM disk has no size
    let at_top = mount.point == "/" && !matches!(mount.fs_type, "rootfs" | "ramfs");
    on_device || at_top
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::mountinfo;

    fn select(text: &str) -> Vec<(String, String, Vec<String>)> {
        let mut selection = Selection::default();
        mountinfo::each(text.as_bytes(), |mount| selection.see(&mount)).unwrap();
        let found = selection.finish();
        found.into_iter().map(|found| (found.device, found.fs_type, found.points)).collect()
    }

    fn expect(device: &str, fs_type: &str, points: &[&str]) -> (String, String, Vec<String>) {
        (device.to_owned(), fs_type.to_owned(), points.iter().map(|point| (*point).to_owned()).collect())
    }

    #[test]
    fn a_plain_machine() {
        let found = select(
            "23 27 0:22 / /sys rw - sysfs sysfs rw\n25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw\n\
            27 1 254:0 / / rw - ext4 /dev/vda rw\n29 26 0:26 / /run rw - tmpfs tmpfs rw\n\
            31 27 259:3 / /boot/efi rw - vfat /dev/nvme0n1p15 rw\n32 27 7:1 / /snap/x ro - squashfs /dev/loop1 ro\n",
        );
        assert_eq!(found, [expect("/dev/vda", "ext4", &["/"])]);
    }

    #[test]
    fn a_kubernetes_node_with_volumes_and_layers() {
        let found = select(
            "1 0 259:1 / / rw - xfs /dev/nvme0n1p1 rw\n\
            2 1 259:4 / /var/lib/kubelet/plugins/kubernetes.io/csi/pv/x/globalmount rw - ext4 /dev/nvme1n1 rw\n\
            3 1 259:4 / /var/lib/kubelet/pods/u/volumes/v/mount rw - ext4 /dev/nvme1n1 rw\n\
            4 1 259:1 /var/log/pods /mnt/l rw - xfs /dev/nvme0n1p1 rw\n\
            5 1 0:50 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/a/rootfs rw - overlay overlay rw\n\
            6 1 0:51 / /var/lib/kubelet/pods/u/volumes/kubernetes.io~projected/t rw - tmpfs tmpfs rw\n\
            7 1 0:60 / /data rw - nfs4 server:/x rw\n",
        );
        assert_eq!(
            found,
            [
                expect("/dev/nvme0n1p1", "xfs", &["/", "/mnt/l"]),
                expect(
                    "/dev/nvme1n1",
                    "ext4",
                    &[
                        "/var/lib/kubelet/pods/u/volumes/v/mount",
                        "/var/lib/kubelet/plugins/kubernetes.io/csi/pv/x/globalmount"
                    ]
                ),
            ]
        );
    }

    #[test]
    fn a_container_has_its_overlay() {
        let found = select(
            "1 0 0:44 / / rw - overlay overlay rw,lowerdir=/a\n\
            2 1 259:1 /var/lib/docker/containers/x/hosts /etc/hosts rw - ext4 /dev/nvme0n1p1 rw\n",
        );
        assert_eq!(
            found,
            [expect("/dev/nvme0n1p1", "ext4", &["/etc/hosts"]), expect("overlay", "overlay", &["/"])]
        );
    }

    #[test]
    fn whole_before_bound_and_order_of_mounts_does_not_matter() {
        let lines = [
            "2 1 8:17 /sub /a rw - xfs /dev/sdb1 rw",
            "3 1 8:17 / /mnt/very/long rw - xfs /dev/sdb1 rw",
            "4 1 8:17 / /mnt/longer/still rw - xfs /dev/sdb1 rw",
        ];
        let expected = [expect("/dev/sdb1", "xfs", &["/mnt/very/long", "/mnt/longer/still", "/a"])];
        assert_eq!(select(&lines.join("\n")), expected);
        let reversed: Vec<_> = lines.iter().rev().copied().collect();
        assert_eq!(select(&reversed.join("\n")), expected);
    }

    #[test]
    fn what_is_hidden_does_not_count() {
        let found = select(
            "1 0 0:2 / / rw - rootfs rootfs rw\n2 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            3 2 8:17 / /data rw - ext4 /dev/sdb1 rw\n4 3 0:9 / /data rw - tmpfs tmpfs rw\n",
        );
        assert_eq!(found, [expect("/dev/sda1", "ext4", &["/"])]);
    }

    #[test]
    fn btrfs_subvolumes_are_one() {
        let found =
            select("1 0 0:30 /@ / rw - btrfs /dev/sda2 rw\n2 1 0:30 /@home /home rw - btrfs /dev/sda2 rw\n");
        assert_eq!(found, [expect("/dev/sda2", "btrfs", &["/", "/home"])]);
    }
}
