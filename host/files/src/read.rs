//! Reading of files that others provide: configurations, components.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

/// Open flags for reading: opening never blocks, and a terminal does not become the controlling one.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// Open flags for examining (`O_PATH`): nothing is opened. Opening a device can have effects, such as arming a watchdog.
const EXAMINE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
/// Attempts to resolve a path while parts of it are being renamed.
const MAX_ATTEMPTS: usize = 16;

/// Reason why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file does not exist.
    #[error("{}", io::Error::from(Errno::NOENT))]
    Missing,
    /// It is a directory, a pipe, a socket or a device.
    #[error("is not a regular file")]
    NotRegular,
    /// A link in its path leads out of the directory that must contain it.
    #[error("is a link that leads out of its directory; replace it with the file itself")]
    LeadsOut,
    /// It exceeds the size limit.
    #[error("has at least {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Size in bytes, or a lower bound of it.
        bytes: u64,
        /// Size limit in bytes.
        limit: u64,
    },
    /// A system call failed.
    #[error("{0}")]
    Io(io::Error),
}

impl From<Errno> for ReadError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::Missing,
            // `EXDEV` from `openat2` with `RESOLVE_BENEATH`: a component of the path is outside of the directory.
            Errno::XDEV => Self::LeadsOut,
            errno => Self::Io(errno.into()),
        }
    }
}

/// Reads a regular file of at most `max_bytes`. Links are followed anywhere.
///
/// # Errors
/// Fails if it is not a regular file, is larger, or a system call fails.
pub fn read_regular(path: &Path, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    read(|flags| openat(CWD, path, flags, Mode::empty()), max_bytes)
}

/// Reads the regular file `name` of at most `max_bytes` in a directory. Links are followed only within the directory, such as those of a
/// ConfigMap mount (`NAME` to `..data/NAME`, `..data` to a directory beside it).
///
/// # Errors
/// Fails like [`read_regular`], and if the file is outside of the directory.
pub fn read_beneath(directory: &Path, name: &str, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let within = openat(CWD, directory, EXAMINE | OFlags::DIRECTORY, Mode::empty())?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let open = |flags| {
        let mut opened = Err(Errno::AGAIN);
        for _ in 0..MAX_ATTEMPTS {
            opened = openat2(&within, name, flags, Mode::empty(), resolve);
            // `openat2` returns `EAGAIN` if a component was renamed during the lookup.
            if !matches!(opened, Err(Errno::AGAIN | Errno::INTR)) {
                break;
            }
        }
        opened
    };
    match read(open, max_bytes) {
        // `openat2` needs Linux 5.6 (`ENOSYS`), and some container runtimes reject unknown system calls (`EPERM`).
        Err(ReadError::Io(error)) if is_openat2_unavailable(&error) => {
            read_beneath_by_path(directory, name, max_bytes)
        }
        read => read,
    }
}

fn is_openat2_unavailable(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOSYS | Errno::PERM))
}

/// Fallback for kernels without `openat2`: compares canonical paths. A link exchanged between the check and the open is not detected.
fn read_beneath_by_path(directory: &Path, name: &str, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let canonical = |path: &Path| path.canonicalize().map_err(from_io);
    let path = canonical(&directory.join(name))?;
    match path.starts_with(canonical(directory)?) {
        true => read(|flags| openat(CWD, &path, flags | OFlags::NOFOLLOW, Mode::empty()), max_bytes),
        false => Err(ReadError::LeadsOut),
    }
}

fn from_io(error: io::Error) -> ReadError {
    match Errno::from_io_error(&error) {
        Some(errno) => errno.into(),
        None => ReadError::Io(error),
    }
}

/// Checks the file type before the file is opened for reading, and again on the opened file.
fn read(open: impl Fn(OFlags) -> Result<OwnedFd, Errno>, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    regular_size(&open(EXAMINE)?)?;
    let file = open(READ)?;
    let bytes = regular_size(&file)?;
    if bytes > max_bytes {
        return Err(ReadError::TooLarge { bytes, limit: max_bytes });
    }
    let mut content = Vec::new();
    File::from(file).take(max_bytes.saturating_add(1)).read_to_end(&mut content).map_err(from_io)?;
    match content.len() as u64 {
        bytes if bytes > max_bytes => Err(ReadError::TooLarge { bytes, limit: max_bytes }),
        _ => Ok(content),
    }
}

/// Returns the size of a regular file, or `NotRegular`.
fn regular_size(file: &OwnedFd) -> Result<u64, ReadError> {
    let found = fstat(file)?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Ok(u64::try_from(found.st_size).unwrap_or(0)),
        _ => Err(ReadError::NotRegular),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::mknodat;

    use super::*;

    type ReadIn = fn(&Path, &str, u64) -> Result<Vec<u8>, ReadError>;
    const IMPLEMENTATIONS: [ReadIn; 2] = [read_beneath, read_beneath_by_path];

    #[test]
    fn links_are_followed_only_within_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let mount = directory.path().join("mount");
        let at = |name: &str| mount.join(name);
        fs::create_dir_all(at("..2026_11_29")).unwrap();
        fs::write(at("..2026_11_29/a"), "content").unwrap();
        symlink("..2026_11_29", at("..data")).unwrap();
        symlink("..data/a", at("a")).unwrap();
        fs::write(directory.path().join("secret"), "secret").unwrap();
        symlink("../secret", at("out")).unwrap();
        symlink(directory.path().join("secret"), at("absolute")).unwrap();
        symlink(directory.path(), at("above")).unwrap();
        symlink("/proc/self/environ", at("environ")).unwrap();
        symlink("loop", at("loop")).unwrap();
        for read in IMPLEMENTATIONS {
            assert_eq!(read(&mount, "a", 7).unwrap(), b"content");
            assert!(matches!(read(&mount, "a", 6), Err(ReadError::TooLarge { bytes: 7, limit: 6 })));
            assert!(matches!(read(&mount, "none", 7), Err(ReadError::Missing)));
            for name in ["out", "absolute", "above/secret", "environ", "../secret"] {
                let result = read(&mount, name, 100);
                assert!(matches!(result, Err(ReadError::LeadsOut)), "{name}: {result:?}");
            }
            assert!(matches!(read(&mount, "loop", 7), Err(ReadError::Io(_))));
            assert!(matches!(read(&at("nowhere"), "a", 7), Err(ReadError::Missing)));
        }
        // A path given in full is read wherever its links lead.
        assert_eq!(read_regular(&at("out"), 6).unwrap(), b"secret");
    }

    #[test]
    fn only_regular_files_are_read_and_opening_never_blocks() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        fs::File::create(at("sparse")).unwrap().set_len(20 << 30).unwrap();
        for name in ["pipe", "socket", "directory", "sparse"] {
            for read in IMPLEMENTATIONS {
                let result = read(directory.path(), name, 1 << 20);
                assert!(
                    matches!(result, Err(ReadError::NotRegular | ReadError::TooLarge { .. })),
                    "{name}: {result:?}"
                );
            }
            assert!(read_regular(&at(name), 1 << 20).is_err(), "{name}");
        }
        assert!(matches!(read_regular(Path::new("/dev/zero"), 10), Err(ReadError::NotRegular)));
        // Files in `/proc` report a size of 0 bytes.
        assert!(matches!(read_regular(Path::new("/proc/self/status"), 10), Err(ReadError::TooLarge { .. })));
    }
}
