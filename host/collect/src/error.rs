//! What can go wrong while a file of the kernel is read.

use rustix::io::Errno;

/// A text that is not what the kernel writes into this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}")]
pub struct ParseError {
    /// Line of the file, from 1.
    pub line: u32,
    /// What should have stood there.
    pub expected: &'static str,
}

impl ParseError {
    pub(crate) fn new(line: usize, expected: &'static str) -> Self {
        Self { line: u32::try_from(line + 1).unwrap_or(u32::MAX), expected }
    }
}

/// Result of a parser of rows: one strange row costs itself, or the one key in it, and no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parsed<T> {
    /// The figures of all other rows.
    pub value: T,
    /// The first row that had to be skipped.
    pub skipped: Option<ParseError>,
}

/// A file that exists but gave nothing usable. A file that does not exist is no error: see [`is_absent`].
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The kernel refused.
    #[error("{}", describe(*.0))]
    Io(#[from] Errno),
    /// The text makes no sense.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Larger than any such file can be; holds the bound in bytes.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
}

/// Does this error mean "the kernel has no such figure here", rather than "it could not be read"?
///
/// `ENOENT`: no such file on this kernel, or the thing ended. `ENODEV`: the cgroup was removed after its file was opened.
/// `ESRCH`: the process ended after its file was opened. `EOPNOTSUPP`: the file is there, the feature is off (pressure with
/// `psi=0`). `ENOTDIR`: a parent is no folder.
pub fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NODEV | Errno::SRCH | Errno::OPNOTSUPP | Errno::NOTDIR)
}

fn describe(errno: Errno) -> String {
    std::io::Error::from(errno).to_string()
}
