//! Mapping of block devices to EBS volumes.
//!
//! An NVMe disk identifies its volume: its serial number is the volume id. For Xen disks the device name of the attachment
//! decides, which the kernel may change from `sd` to `xvd`. Partitions belong to their disk; a disk with a longer name
//! (`/dev/xvdba` beside `/dev/xvdb`) does not.

use super::Attachment;

/// A whole disk of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk<'d> {
    /// The kernel's name, without `/dev/`.
    pub name: &'d str,
    /// Serial number, if it has one.
    pub serial: Option<&'d str>,
}

/// The volumes behind the disks of a machine.
#[derive(Debug, Default)]
pub struct Volumes<'d> {
    by_disk: Vec<(&'d str, String)>,
    has_unidentified: bool,
}

impl<'d> Volumes<'d> {
    /// Finds a volume for each disk. `zone` is that of the instance, and therefore of every volume attached to it.
    pub fn new(disks: &[Disk<'d>], zone: Option<&str>, attachments: &[Attachment]) -> Self {
        let mut volumes = Self::default();
        for disk in disks {
            if let (Some(id), Some(zone)) = (disk.serial.and_then(volume_of_serial), zone) {
                volumes.by_disk.push((disk.name, format!("aws://{zone}/{id}")));
            }
        }
        // The exact name takes precedence over the one without its number: `sda1` may be a disk or the first partition of
        // one.
        for shorten in [false, true] {
            for attachment in attachments {
                volumes.attach(disks, attachment, shorten);
            }
        }
        volumes.has_unidentified =
            disks.iter().any(|disk| is_named_by_attachment(disk.name) && volumes.get(disk.name).is_none());
        volumes
    }

    /// Returns `aws://ZONE/vol-…` for the volume that a device such as `/dev/nvme0n1p1` is on.
    pub fn volume_of(&self, device: &str) -> Option<&str> {
        let name = device.strip_prefix("/dev/")?;
        self.get(name).or_else(|| {
            let found = self.by_disk.iter().find(|(disk, _)| is_partition(name, disk));
            found.map(|(_, volume)| volume.as_str())
        })
    }

    /// Returns true if a disk may be a volume but its volume is unknown.
    pub fn has_unidentified(&self) -> bool {
        self.has_unidentified
    }

    /// Returns true if no disk has a volume.
    pub fn is_empty(&self) -> bool {
        self.by_disk.is_empty()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.by_disk.iter().find(|(disk, _)| *disk == name).map(|(_, volume)| volume.as_str())
    }

    fn attach(&mut self, disks: &[Disk<'d>], attachment: &Attachment, shorten: bool) {
        let mut name = attachment.device.strip_prefix("/dev/").unwrap_or(&attachment.device);
        if shorten {
            name = name.trim_end_matches(|c: char| c.is_ascii_digit());
        }
        let letters = ["sd", "xvd", "hd"].iter().find_map(|prefix| name.strip_prefix(prefix));
        let matches = |disk: &str| {
            disk == name
                || letters.is_some_and(|letters| disk.strip_prefix("xvd").is_some_and(|own| own == letters))
        };
        let Some(disk) = disks.iter().find(|disk| matches(disk.name)) else { return };
        if self.get(disk.name).is_none() {
            let volume = format!("aws://{}/{}", attachment.zone, attachment.volume_id);
            self.by_disk.push((disk.name, volume));
        }
    }
}

/// Returns the volume id of a serial number: `vol-0123…` for `vol0123…`. Other serial numbers, such as those of instance
/// store disks, are not volumes.
fn volume_of_serial(serial: &str) -> Option<String> {
    let digits = serial.trim().strip_prefix("vol")?;
    let digits = digits.strip_prefix('-').unwrap_or(digits);
    let is_id = (8..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| format!("vol-{digits}"))
}

/// Returns true if `name` is a partition of `disk`: the kernel appends a number, after a `p` if the disk's name ends in a
/// digit.
fn is_partition(name: &str, disk: &str) -> bool {
    let Some(rest) = name.strip_prefix(disk) else { return false };
    let number =
        if disk.ends_with(|last: char| last.is_ascii_digit()) { rest.strip_prefix('p') } else { Some(rest) };
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns true for disks that are named like their attachment on EC2.
fn is_named_by_attachment(name: &str) -> bool {
    ["xvd", "sd", "hd"].iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(name: &str) -> Disk<'_> {
        Disk { name, serial: None }
    }

    fn attached(device: &str, volume: &str) -> Attachment {
        Attachment { device: device.into(), zone: "us-west-2a".into(), volume_id: volume.into() }
    }

    #[test]
    fn nvme_disks_identify_their_volume() {
        let disks = [
            Disk { name: "nvme0n1", serial: Some("vol0abc1234567890def\n") },
            Disk { name: "nvme1n1", serial: Some("AWS1A2B3C4D5E6F7890") },
            Disk { name: "nvme10n1", serial: Some("vol-0fff1234567890def  ") },
            disk("loop0"),
            disk("dm-0"),
        ];
        let volumes = Volumes::new(&disks, Some("us-west-2a"), &[]);
        assert_eq!(volumes.volume_of("/dev/nvme0n1"), Some("aws://us-west-2a/vol-0abc1234567890def"));
        assert_eq!(volumes.volume_of("/dev/nvme0n1p128"), Some("aws://us-west-2a/vol-0abc1234567890def"));
        assert_eq!(volumes.volume_of("/dev/nvme10n1"), Some("aws://us-west-2a/vol-0fff1234567890def"));
        for none in [
            "/dev/nvme1n1",
            "/dev/nvme1n1p1",
            "/dev/nvme0n11",
            "/dev/nvme0n1p",
            "/dev/nvme0n1px",
            "/dev/nvme0n12p1",
            "/dev/loop0",
            "/dev/dm-0",
            "/dev/mapper/data",
            "nvme0n1",
            "259:0",
            "",
            "/dev/",
        ] {
            assert_eq!(volumes.volume_of(none), None, "{none}");
        }
        assert!(!volumes.has_unidentified() && !volumes.is_empty());
        assert!(Volumes::new(&disks, None, &[]).is_empty(), "no zone, no id");
    }

    #[test]
    fn xen_disks_are_matched_by_attachment_name() {
        let disks = [disk("xvda"), disk("xvdb"), disk("xvdba"), disk("xvdf"), disk("xvdg")];
        let attachments = [
            attached("/dev/sda1", "vol-a"),
            attached("/dev/xvdb", "vol-b"),
            attached("/dev/xvdba", "vol-ba"),
            attached("sdf", "vol-f"),
            attached("/dev/sdz", "vol-z"),
        ];
        let volumes = Volumes::new(&disks, None, &attachments);
        let of =
            |device| volumes.volume_of(device).map(|volume| volume.trim_start_matches("aws://us-west-2a/"));
        assert_eq!(of("/dev/xvda1"), Some("vol-a"));
        assert_eq!(of("/dev/xvdb"), Some("vol-b"));
        assert_eq!(of("/dev/xvdb1"), Some("vol-b"));
        assert_eq!(of("/dev/xvdba"), Some("vol-ba"));
        assert_eq!(of("/dev/xvdba2"), Some("vol-ba"));
        assert_eq!(of("/dev/xvdf"), Some("vol-f"));
        assert_eq!(of("/dev/xvdg"), None);
        assert_eq!(of("/dev/sdz"), None);
        assert!(volumes.has_unidentified(), "xvdg");
    }

    /// The order of the attachments must not matter, as it would with a plain prefix match.
    #[test]
    fn a_longer_name_is_another_disk() {
        let disks = [disk("xvdb"), disk("xvdba")];
        for attachments in [[attached("/dev/xvdb", "vol-b")], [attached("/dev/xvdba", "vol-ba")]] {
            let volumes = Volumes::new(&disks, None, &attachments);
            let found = [volumes.volume_of("/dev/xvdb"), volumes.volume_of("/dev/xvdba")];
            assert_eq!(found.iter().flatten().count(), 1, "{attachments:?}");
        }
    }

    #[test]
    fn a_disk_named_like_a_partition_takes_precedence() {
        let disks = [disk("xvda1"), disk("xvda2"), disk("xvda")];
        let attachments =
            [attached("/dev/sda", "vol-0"), attached("/dev/sda1", "vol-1"), attached("/dev/sda2", "vol-2")];
        let volumes = Volumes::new(&disks, None, &attachments);
        assert_eq!(volumes.volume_of("/dev/xvda1"), Some("aws://us-west-2a/vol-1"));
        assert_eq!(volumes.volume_of("/dev/xvda2"), Some("aws://us-west-2a/vol-2"));
        assert_eq!(volumes.volume_of("/dev/xvda"), Some("aws://us-west-2a/vol-0"));
        assert_eq!(volumes.volume_of("/dev/xvda3"), Some("aws://us-west-2a/vol-0"));
    }

    /// On Nitro the names of attachments are not disk names; the serial number decides.
    #[test]
    fn attachment_names_are_ignored_for_nvme_disks() {
        let disks = [Disk { name: "nvme0n1", serial: Some("vol0abc1234567890def") }, disk("nvme1n1")];
        let volumes =
            Volumes::new(&disks, Some("z"), &[attached("/dev/xvda", "vol-x"), attached("/dev/sdf", "vol-y")]);
        assert_eq!(volumes.volume_of("/dev/nvme0n1p1"), Some("aws://z/vol-0abc1234567890def"));
        assert_eq!(volumes.volume_of("/dev/nvme1n1"), None);
        assert!(!volumes.has_unidentified());
    }

    #[test]
    fn other_serial_numbers_are_not_volumes() {
        for serial in
            ["", "vol", "vol-", "vol0", "volume12345678", "vol0abc1234567890deg", "S4EVNX0", "vol-../../etc"]
        {
            assert_eq!(volume_of_serial(serial), None, "{serial}");
        }
    }
}
