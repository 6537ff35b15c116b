//! `/proc/PID/mountinfo`: the mounts that a process sees.

use std::borrow::Cow;

use crate::bytes::{fields, lines};
use crate::device::DeviceNumber;
use crate::error::ParseError;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Device number of the file system (not of the block device, for those that span several).
    pub device: DeviceNumber,
    /// Directory of the file system that is mounted; `/` unless it is a bind mount or a subvolume.
    pub root: Cow<'a, str>,
    /// Mount point.
    pub point: Cow<'a, str>,
    /// Type of the file system.
    pub fs_type: &'a str,
    /// Mount source: a device, an export, or any word.
    pub source: Cow<'a, str>,
    /// Options of the file system. For a v1 cgroup hierarchy they name its controllers.
    pub super_options: &'a str,
}

impl Mount<'_> {
    /// Returns true if the file system has this option.
    pub fn has_option(&self, option: &str) -> bool {
        self.super_options.split(',').any(|known| known == option)
    }

    /// Rewrites the mount point relative to `top`, a path without trailing slash. Returns false if the mount is not below it.
    pub(crate) fn strip(&mut self, top: &[u8]) -> bool {
        let Some(rest) = self.point.as_bytes().strip_prefix(top) else { return false };
        if !top.is_empty() {
            if !matches!(rest, [] | [b'/', ..]) {
                return false;
            }
            let rest = std::str::from_utf8(rest).unwrap_or_default();
            self.point = Cow::Owned(if rest.is_empty() { "/".to_owned() } else { rest.to_owned() });
        }
        true
    }
}

/// Calls `visit` for each mount, in the kernel's order: a later mount hides earlier ones at the same point. Returns the
/// first malformed row; such a row is skipped.
pub fn each<'a>(text: &'a [u8], mut visit: impl FnMut(Mount<'a>)) -> Option<ParseError> {
    let mut skipped = None;
    for (index, line) in lines(text) {
        match parse(index, line) {
            Ok(Some(mount)) => visit(mount),
            Ok(None) => {}
            Err(error) => skipped = skipped.or(Some(error)),
        }
    }
    skipped
}

/// Parses one row, `index` counted from 0. Returns `None` for a mount whose paths are not UTF-8, unless a whole device is
/// mounted there: containers may have bind mounts with any name.
///
/// # Errors
/// If the row is malformed, or a whole device is mounted at a path that is not UTF-8.
pub fn parse(index: usize, line: &[u8]) -> Result<Option<Mount<'_>>, ParseError> {
    let expected =
        ParseError::new(index, "a mount: ID PARENT MAJ:MIN ROOT POINT OPTIONS … - TYPE SOURCE OPTIONS");
    let mut parts = fields(line);
    let device = parts.nth(2).and_then(DeviceNumber::parse).ok_or(expected)?;
    let root = parts.next().ok_or(expected)?;
    let point = parts.next().ok_or(expected)?;
    // any number of optional fields precede the dash
    parts.find(|field| *field == b"-").ok_or(expected)?;
    let fs_type = parts.next().ok_or(expected)?;
    // an empty source leaves two blanks in a row, so there is one field less
    let (source, super_options) = match (parts.next().ok_or(expected)?, parts.next()) {
        (source, Some(options)) => (source, options),
        (options, None) => (&b""[..], options),
    };
    let texts = (unescape(root), unescape(point), std::str::from_utf8(fs_type).ok(), unescape(source));
    let options = std::str::from_utf8(super_options).ok();
    match (texts, options) {
        ((Some(root), Some(point), Some(fs_type), Some(source)), Some(super_options)) => {
            Ok(Some(Mount { device, root, point, fs_type, source, super_options }))
        }
        _ if root == b"/" && source.starts_with(b"/dev/") => {
            Err(ParseError::new(index, "mount paths in valid UTF-8"))
        }
        _ => Ok(None),
    }
}

/// Decodes blanks, tabs, line ends and backslashes, which the kernel writes as `\` and three octal digits. Returns `None` if the result is not UTF-8.
fn unescape(text: &[u8]) -> Option<Cow<'_, str>> {
    if !text.contains(&b'\\') {
        return std::str::from_utf8(text).ok().map(Cow::Borrowed);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let code = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        plain.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8(plain).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Mount<'_>> {
        let mut found = Vec::new();
        assert_eq!(each(text.as_bytes(), |mount| found.push(mount)), None);
        found
    }

    #[test]
    fn real_rows_are_parsed() {
        let found = all("27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard,resuid=65534\n\
            35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
            90 27 0:41 /k8s/x /mnt/a\\040b\\134c rw master:2 propagate_from:1 - tmpfs  rw\n");
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].device, DeviceNumber { major: 254, minor: 0 });
        assert_eq!((&*found[0].point, found[0].fs_type, &*found[0].source), ("/", "ext4", "/dev/vda"));
        assert!(found[1].has_option("memory") && !found[1].has_option("mem"));
        assert_eq!((&*found[2].root, &*found[2].point, &*found[2].source), ("/k8s/x", "/mnt/a b\\c", ""));
    }

    #[test]
    fn an_invalid_escape_is_kept() {
        assert_eq!(unescape(b"a\\9\\04").as_deref(), Some("a\\9\\04"));
        assert_eq!(unescape(b"\\377"), None);
    }

    #[test]
    fn mount_points_are_relative_to_the_host_root() {
        for (point, expected) in [
            ("/rootfs", Some("/")),
            ("/rootfs/sys/fs/cgroup", Some("/sys/fs/cgroup")),
            ("/rootfs2", None),
            ("/", None),
        ] {
            let row = format!("27 1 254:0 / {point} rw - ext4 /dev/vda rw");
            let mut mount = parse(0, row.as_bytes()).unwrap().unwrap();
            let found = mount.strip(b"/rootfs").then_some(&*mount.point);
            assert_eq!(found, expected, "{point}");
            assert!(parse(0, row.as_bytes()).unwrap().unwrap().strip(b""));
        }
    }

    #[test]
    fn a_malformed_row_is_reported_and_skipped() {
        let good = "27 1 254:0 / / rw - ext4 /dev/vda rw\n";
        for bad in [
            &b"27 1 254 / / rw - ext4 /dev/vda rw"[..],
            b"27 1 254:0 / / rw ext4 /dev/vda rw",
            b"27 1 254:0 /",
            b"- - - - -",
            b"",
            b"27 1 254:16 / /mnt/\xff rw - ext4 /dev/vdb rw",
        ] {
            let text = [good.as_bytes(), bad, b"\n", good.as_bytes()].concat();
            let mut mounts = 0;
            assert_eq!(each(&text, |_| mounts += 1).unwrap().line, 2, "{}", String::from_utf8_lossy(bad));
            assert_eq!(mounts, 2);
        }
        let bind = b"27 1 254:16 /data /mnt/\xff rw - ext4 /dev/vdb rw\n";
        assert_eq!(each(bind, |_| panic!("it has no name")), None);
    }
}
