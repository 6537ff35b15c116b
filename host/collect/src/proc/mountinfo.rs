//! `/proc/PID/mountinfo`: the mounts that a process sees.

use std::borrow::Cow;

use crate::bytes::{fields, lines};
use crate::cgroup::files::DeviceNumber;
use crate::error::ParseError;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Device number of the file system (not of the block device, for those that span several).
    pub device: DeviceNumber,
    /// Which folder of the file system is mounted; `/` unless it is a bind mount or a subvolume.
    pub root: Cow<'a, str>,
    /// Where.
    pub point: Cow<'a, str>,
    /// Type of the file system.
    pub fs_type: &'a str,
    /// What is mounted: a device, an export, or any word.
    pub source: Cow<'a, str>,
    /// Options of the file system; for a v1 cgroup hierarchy they name its controllers.
    pub super_options: &'a str,
}

impl Mount<'_> {
    /// Does the file system have this option?
    pub fn has_option(&self, option: &str) -> bool {
        self.super_options.split(',').any(|known| known == option)
    }
}

/// Calls `visit` for each mount, in the kernel's order: a later mount hides earlier ones at the same point. A mount whose
/// paths are not UTF-8 is passed over.
///
/// # Errors
/// When a line has not the form of a mount; those before it were visited.
pub fn each<'a>(text: &'a [u8], mut visit: impl FnMut(Mount<'a>)) -> Result<(), ParseError> {
    for (index, line) in lines(text) {
        let expected =
            ParseError::new(index, "a mount: ID PARENT MAJ:MIN ROOT POINT OPTIONS … - TYPE SOURCE OPTIONS");
        let mut parts = fields(line);
        let device = parts.nth(2).and_then(DeviceNumber::parse).ok_or(expected)?;
        let root = parts.next().ok_or(expected)?;
        let point = parts.next().ok_or(expected)?;
        // any number of optional fields stand before the dash
        parts.find(|field| *field == b"-").ok_or(expected)?;
        let fs_type = parts.next().ok_or(expected)?;
        // an empty source leaves two blanks in a row, so one field less
        let (source, super_options) = match (parts.next().ok_or(expected)?, parts.next()) {
            (source, Some(options)) => (source, options),
            (options, None) => (&b""[..], options),
        };
        let texts = (unescape(root), unescape(point), std::str::from_utf8(fs_type).ok(), unescape(source));
        let (Some(root), Some(point), Some(fs_type), Some(source)) = texts else { continue };
        let Ok(super_options) = std::str::from_utf8(super_options) else { continue };
        visit(Mount { device, root, point, fs_type, source, super_options });
    }
    Ok(())
}

/// The kernel writes blanks, tabs, line ends and backslashes as `\` and three octal digits.
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
        each(text.as_bytes(), |mount| found.push(mount)).unwrap();
        found
    }

    #[test]
    fn reads_real_lines() {
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
    fn an_odd_backslash_stays() {
        assert_eq!(unescape(b"a\\9\\04").as_deref(), Some("a\\9\\04"));
        assert_eq!(unescape(b"\\377"), None);
    }

    #[test]
    fn a_broken_line_is_named() {
        let good = "27 1 254:0 / / rw - ext4 /dev/vda rw\n";
        for bad in [
            "27 1 254 / / rw - ext4 /dev/vda rw",
            "27 1 254:0 / / rw ext4 /dev/vda rw",
            "27 1 254:0 /",
            "- - - - -",
        ] {
            let text = format!("{good}{bad}\n");
            assert_eq!(each(text.as_bytes(), |_| {}).unwrap_err().line, 2, "{bad}");
        }
    }
}
