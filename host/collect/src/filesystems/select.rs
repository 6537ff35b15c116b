//! Selection of the mounts that are file systems of the node.
//!
//! A file system is selected if it lies on a block device (`/dev/…`) and its type is one used for the node's own data, or if
//! it is a ZFS dataset. The one mounted at `/` is selected on any source, such as a container's overlay. Memory file systems
//! (`/dev/shm`), layers of containers, snapshots, network exports and projected volumes are not selected, and neither are
//! read-only images (squashfs, erofs, an overlay without an upper layer, as in composefs): they are always full.
//!
//! One device is selected once, regardless of the number of its bind mounts. It is represented by the mount at `/`, else by
//! one of the whole file system (a bind-mounted directory may have a quota of its own), else by the shortest path.

use crate::device::DeviceNumber;
use crate::proc::mountinfo::Mount;

/// Maximum number of mount points kept per file system, in case the first cannot be reached.
const MAX_POINTS: usize = 4;
/// Maximum number of mount points kept while the list is read: a later mount may hide the best ones.
const MAX_SEEN_POINTS: usize = 16;
/// Maximum number of file systems; no real node has more, but a mount list may.
const MAX_FILESYSTEMS: usize = 512;

/// A file system to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filesystem {
    /// Block device, or the mount source instead of one.
    pub(crate) device: String,
    pub(crate) fs_type: String,
    pub(crate) number: DeviceNumber,
    /// `true` if the file system itself is mounted read-only, so no mount can write to it.
    pub(crate) read_only: bool,
    /// Mount points, the best one first.
    pub(crate) points: Vec<String>,
}

#[derive(Debug)]
struct Candidate {
    device: String,
    fs_type: String,
    number: DeviceNumber,
    read_only: bool,
    point: String,
    whole: bool,
}

/// The mounts of one file system, the best one first; never empty.
#[derive(Debug)]
struct Group {
    mounts: Vec<Candidate>,
}

/// Collects file systems from a mount list.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    groups: Vec<Group>,
    left_out: usize,
}

impl Selection {
    pub(crate) fn add(&mut self, mount: &Mount<'_>) {
        self.hide(&mount.point);
        if !is_selected(mount) {
            return;
        }
        match self.groups.iter().position(|group| group.contains(mount)) {
            Some(index) => self.groups[index].add(mount),
            None if self.groups.len() < MAX_FILESYSTEMS => {
                self.groups.push(Group { mounts: vec![Candidate::new(mount)] });
            }
            None => self.left_out += 1,
        }
    }

    /// Drops the mount at `point`, which a later mount at the same point hides.
    fn hide(&mut self, point: &str) {
        for group in &mut self.groups {
            group.mounts.retain(|known| known.point != point);
        }
        self.groups.retain(|group| !group.mounts.is_empty());
    }

    /// Returns the number of mounts left out because they belong to more file systems than are kept.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out
    }

    /// Returns one entry per device, sorted by device.
    pub(crate) fn finish(self) -> Vec<Filesystem> {
        let mut filesystems: Vec<_> = self.groups.into_iter().filter_map(Group::finish).collect();
        filesystems.sort_by(|a, b| a.device.cmp(&b.device));
        filesystems
    }
}

impl Group {
    /// Returns true for another mount of this file system. A device may have several names, and several file systems
    /// (subvolumes of btrfs, each with a number of its own) may share one.
    fn contains(&self, mount: &Mount<'_>) -> bool {
        self.mounts.iter().any(|known| {
            known.device == mount.source
                || (known.number == mount.device
                    && (known.number.major != 0 || known.fs_type == mount.fs_type))
        })
    }

    fn add(&mut self, mount: &Mount<'_>) {
        let whole = mount.root == "/";
        let rank = rank(&mount.point, whole);
        let at = self.mounts.partition_point(|known| known.rank() <= rank);
        if at < MAX_SEEN_POINTS {
            self.mounts.truncate(MAX_SEEN_POINTS - 1);
            self.mounts.insert(at, Candidate::new(mount));
        }
    }

    fn finish(self) -> Option<Filesystem> {
        let mut mounts = self.mounts.into_iter();
        let Candidate { device, fs_type, number, read_only, point, .. } = mounts.next()?;
        let others = mounts.take(MAX_POINTS - 1).map(|known| known.point);
        let points = std::iter::once(point).chain(others).collect();
        Some(Filesystem { device, fs_type, number, read_only, points })
    }
}

impl Candidate {
    fn new(mount: &Mount<'_>) -> Self {
        Self {
            device: mount.source.clone().into_owned(),
            fs_type: mount.fs_type.to_owned(),
            number: mount.device,
            read_only: mount.has_option("ro"),
            point: mount.point.clone().into_owned(),
            whole: mount.root == "/",
        }
    }

    fn rank(&self) -> (bool, bool, usize, &str) {
        rank(&self.point, self.whole)
    }
}

fn rank(point: &str, whole: bool) -> (bool, bool, usize, &str) {
    (point != "/", !whole, point.len(), point)
}

fn is_selected(mount: &Mount<'_>) -> bool {
    let on_device = mount.source.starts_with("/dev/")
        && (mount.fs_type.starts_with("ext") || matches!(mount.fs_type, "xfs" | "btrfs" | "zfs"));
    // a name with `@` is a snapshot
    let dataset = mount.fs_type == "zfs" && !mount.source.contains('@');
    let at_root = mount.point == "/" && can_be_root(mount);
    ((on_device || dataset) && !is_layer(&mount.point)) || at_root
}

/// Returns false for mounts at `/` that do not store data: an initial RAM disk has no size, an image has no free space.
fn can_be_root(mount: &Mount<'_>) -> bool {
    match mount.fs_type {
        "rootfs" | "ramfs" | "squashfs" | "erofs" | "cramfs" | "romfs" | "iso9660" | "udf" => false,
        // without an upper layer: composefs, or stacked images
        "overlay" => mount.super_options.split(',').any(|option| option.starts_with("upperdir=")),
        _ => true,
    }
}

/// Returns true for the root of a container whose layers are file systems of their own: the snapshotters of containerd, and
/// the ZFS and device mapper storage drivers of Docker and Podman.
fn is_layer(point: &str) -> bool {
    (point.contains("/io.containerd.runtime.") && point.ends_with("/rootfs"))
        || point.contains("/zfs/graph/")
        || point.contains("/devicemapper/mnt/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::mountinfo;

    fn select(text: &str) -> Vec<(String, String, Vec<String>)> {
        let mut selection = Selection::default();
        assert_eq!(mountinfo::each(text.as_bytes(), |mount| selection.add(&mount)), None);
        let found = selection.finish();
        found.into_iter().map(|found| (found.device, found.fs_type, found.points)).collect()
    }

    fn expect(device: &str, fs_type: &str, points: &[&str]) -> (String, String, Vec<String>) {
        (device.to_owned(), fs_type.to_owned(), points.iter().map(|point| (*point).to_owned()).collect())
    }

    #[test]
    fn the_root_of_a_plain_machine_is_selected() {
        let found = select(
            "23 27 0:22 / /sys rw - sysfs sysfs rw\n25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw\n\
            27 1 254:0 / / rw - ext4 /dev/vda rw\n29 26 0:26 / /run rw - tmpfs tmpfs rw\n\
            31 27 259:3 / /boot/efi rw - vfat /dev/nvme0n1p15 rw\n32 27 7:1 / /snap/x ro - squashfs /dev/loop1 ro\n",
        );
        assert_eq!(found, [expect("/dev/vda", "ext4", &["/"])]);
    }

    #[test]
    fn volumes_are_selected_and_container_layers_are_not() {
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
    fn the_overlay_of_a_container_is_selected() {
        let found = select(
            "1 0 0:44 / / rw - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c\n\
            2 1 259:1 /var/lib/docker/containers/x/hosts /etc/hosts rw - ext4 /dev/nvme0n1p1 rw\n",
        );
        assert_eq!(
            found,
            [expect("/dev/nvme0n1p1", "ext4", &["/etc/hosts"]), expect("overlay", "overlay", &["/"])]
        );
    }

    #[test]
    fn a_whole_file_system_precedes_bind_mounts_in_any_order() {
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
    fn hidden_mounts_are_not_selected() {
        let found = select(
            "1 0 0:2 / / rw - rootfs rootfs rw\n2 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            3 2 8:17 / /data rw - ext4 /dev/sdb1 rw\n4 3 0:9 / /data rw - tmpfs tmpfs rw\n",
        );
        assert_eq!(found, [expect("/dev/sda1", "ext4", &["/"])]);
    }

    #[test]
    fn btrfs_subvolumes_are_one_file_system() {
        let found =
            select("1 0 0:30 /@ / rw - btrfs /dev/sda2 rw\n2 1 0:30 /@home /home rw - btrfs /dev/sda2 rw\n");
        assert_eq!(found, [expect("/dev/sda2", "btrfs", &["/", "/home"])]);
    }

    #[test]
    fn read_only_images_are_not_selected() {
        let data = "2 1 259:1 / /local rw - ext4 /dev/nvme0n1p1 rw\n";
        let expected = [expect("/dev/nvme0n1p1", "ext4", &["/local"])];
        for root in [
            "erofs /dev/root ro",
            "squashfs /dev/loop0 ro",
            "overlay composefs ro,lowerdir=/run/a::/run/b",
            "overlay overlay rw,lowerdir+=/a,datadir+=/b,redirect_dir=on",
            "iso9660 /dev/sr0 ro",
        ] {
            assert_eq!(select(&format!("1 0 259:2 / / ro - {root}\n{data}")), expected, "{root}");
        }
    }

    #[test]
    fn zfs_datasets_are_selected_without_snapshots_and_layers() {
        let found = select(
            "1 0 0:27 / / rw - zfs rpool/ROOT/a rw,xattr\n2 1 0:41 / /srv rw - zfs tank/srv rw\n\
            3 1 0:42 / /srv/.zfs/snapshot/x ro - zfs tank/srv@x ro\n4 1 0:41 /data /mnt rw - zfs tank/srv rw\n\
            5 1 0:43 / /var/lib/docker/zfs/graph/0a1b rw - zfs tank/docker/0a1b rw\n\
            6 1 0:44 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/ab/rootfs rw - zfs tank/c/7 rw\n\
            7 1 253:9 / /run/containerd/io.containerd.runtime.v2.task/k8s.io/cd/rootfs rw - xfs /dev/dm-9 rw\n\
            8 1 253:1 / /data rw - xfs /dev/mapper/vg-thin rw\n9 1 253:1 / /data2 rw - xfs /dev/dm-1 rw\n",
        );
        assert_eq!(
            found,
            [
                expect("/dev/mapper/vg-thin", "xfs", &["/data", "/data2"]),
                expect("rpool/ROOT/a", "zfs", &["/"]),
                expect("tank/srv", "zfs", &["/srv", "/mnt"])
            ]
        );
    }

    #[test]
    fn the_bound_counts_file_systems_not_bind_mounts() {
        let mut text = String::from("1 0 259:1 / / rw - xfs /dev/nvme0n1p1 rw\n");
        for index in 0..2000 {
            text.push_str(&format!("2 1 259:1 /d/{index} /mnt/{index} rw - xfs /dev/nvme0n1p1 rw\n"));
        }
        text.push_str("3 1 259:4 / /volume rw - ext4 /dev/nvme1n1 rw\n");
        let found = select(&text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].2, ["/", "/mnt/0", "/mnt/1", "/mnt/2"]);
        assert_eq!(found[1], expect("/dev/nvme1n1", "ext4", &["/volume"]));
    }

    #[test]
    fn file_systems_beyond_the_bound_are_counted() {
        let mut selection = Selection::default();
        for index in 0..MAX_FILESYSTEMS + 3 {
            let row = format!("2 1 8:{index} / /v/{index} rw - ext4 /dev/sd{index} rw");
            selection.add(&mountinfo::parse(0, row.as_bytes()).unwrap().unwrap());
        }
        assert_eq!(selection.left_out(), 3);
        assert_eq!(selection.finish().len(), MAX_FILESYSTEMS);
    }

    #[test]
    fn the_best_visible_mount_represents_a_file_system() {
        let found = select(
            "1 0 8:1 / /a rw - ext4 /dev/sda1 rw\n2 0 8:1 / /bb rw - ext4 /dev/sda1 ro\n3 0 0:9 / /a rw - tmpfs t rw\n",
        );
        assert_eq!(found, [expect("/dev/sda1", "ext4", &["/bb"])]);
    }
}
