//! Selection of the node's file systems and their sizes.

mod select;
mod sizes;

use std::os::fd::AsFd;

use rustix::fs::{FileType, makedev};
use rustix::io::Errno;

use crate::device::DeviceNumber;
use crate::error::is_absent;
use crate::report::Problems;
use crate::root::{FsStat, HostRoot, Opener, ReadBuffer};
use crate::statfs::{Outcome, Prober, Query};

pub(crate) use select::{Filesystem, Selection};
pub(crate) use sizes::Sizes;

/// Magic number of btrfs, whose subvolumes show device numbers of their own.
const BTRFS_MAGIC: u64 = 0x9123_683e;

type SizeResponse = Result<Option<(usize, FsStat)>, Errno>;

/// Queries each file system; calls `each` with every one that responds, the queried mount point and its sizes.
pub(crate) fn measure(
    root: &HostRoot,
    filesystems: &[Filesystem],
    prober: &mut Prober<SizeResponse>,
    problems: &mut Problems,
    mut each: impl FnMut(&Filesystem, &str, &Sizes),
) {
    if let Some(frame) = root.frame() {
        for filesystem in filesystems {
            let found = filesystem.points.iter().find_map(|point| Some((point, frame.statfs.get(point)?)));
            if let Some((point, stat)) = found {
                each(filesystem, point, &stat.into());
            }
        }
        return;
    }
    let queries = filesystems.iter().map(|filesystem| {
        let (opener, filesystem) = (root.opener(), filesystem.clone());
        let object = filesystem.device.clone();
        let query: Query<SizeResponse> = Box::new(move || query(&opener, &filesystem));
        (object, query)
    });
    let outcomes = prober.run(queries.collect());
    for (filesystem, outcome) in filesystems.iter().zip(outcomes) {
        let first = filesystem.points.first().map_or("", String::as_str);
        let mut problem = |error: &str| problems.add("statfs", || first.to_owned(), error);
        match outcome {
            Outcome::Response(Ok(Some((index, stat)))) => {
                each(
                    filesystem,
                    filesystem.points.get(index).map_or(first, String::as_str),
                    &Sizes::from(&stat),
                );
            }
            Outcome::Response(Ok(None)) => {
                problem(
                    "mounted on the host but not visible below the host root; mount the host's root with \
                     mountPropagation HostToContainer",
                );
            }
            Outcome::Response(Err(errno)) => problem(&std::io::Error::from(errno).to_string()),
            Outcome::Late => problem("statfs timed out; not retried until it returns"),
            Outcome::StillBlocked => problem("statfs still blocked"),
            Outcome::NoThread => problem("skipped: too many blocked statfs calls, or no thread available"),
        }
    }
}

/// Returns true for a read-only file system on a block device that rejects writes itself: a verified or looped image (ext4
/// on dm-verity as in COS and Bottlerocket), not a disk that was remounted read-only after an error.
pub(crate) fn is_image(root: &HostRoot, filesystem: &Filesystem, buffer: &mut ReadBuffer) -> bool {
    let path = match filesystem.number.major {
        // btrfs uses anonymous device numbers
        0 => match filesystem.device.strip_prefix("/dev/") {
            Some(name) => format!("/sys/class/block/{}/ro", name.replace('/', "!")),
            None => return false,
        },
        _ => format!("/sys/dev/block/{}/ro", filesystem.number),
    };
    matches!(root.read(&path, buffer), Ok(Some(text)) if text.trim_ascii_end() == b"1")
}

/// Returns the sizes and the index of the first mount point that shows this file system. Returns `None` if none does: it is
/// unmounted, hidden, or not mounted below this root. An error counts only if no other mount point responds.
fn query(opener: &Opener, filesystem: &Filesystem) -> SizeResponse {
    let mut failed = None;
    for (index, point) in filesystem.points.iter().enumerate() {
        match query_point(opener, filesystem, point) {
            Ok(Some(stat)) => return Ok(Some((index, stat))),
            Ok(None) => {}
            Err(errno) if is_absent(errno) => {}
            Err(errno) => _ = failed.get_or_insert(errno),
        }
    }
    failed.map_or(Ok(None), Err)
}

fn query_point(opener: &Opener, filesystem: &Filesystem, point: &str) -> Result<Option<FsStat>, Errno> {
    let handle = opener.handle(point)?;
    let stat = rustix::fs::fstatfs(&handle)?;
    let shown = if filesystem.fs_type == "btrfs" {
        stat.f_type as u64 == BTRFS_MAGIC
    } else {
        is_mounted_at(&handle, filesystem.number)?
    };
    Ok(shown.then(|| fs_stat(&stat)))
}

fn is_mounted_at(handle: impl AsFd, number: DeviceNumber) -> Result<bool, Errno> {
    let stat = rustix::fs::fstat(handle)?;
    // an overlay reports files under the device numbers of its layers, directories under its own
    let own = FileType::from_raw_mode(stat.st_mode).is_dir() || number.major != 0;
    Ok(!own || stat.st_dev == makedev(number.major, number.minor))
}

fn fs_stat(stat: &rustix::fs::StatFs) -> FsStat {
    FsStat {
        // some FUSE drivers only fill in the other size
        block_size: if stat.f_frsize == 0 { stat.f_bsize } else { stat.f_frsize } as u64,
        blocks: stat.f_blocks,
        blocks_free: stat.f_bfree,
        blocks_available: stat.f_bavail,
        files: stat.f_files,
        files_free: stat.f_ffree,
    }
}
