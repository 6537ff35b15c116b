//! Errors of reading and parsing kernel files.

use rustix::io::Errno;

/// A text that does not have the format of this kernel file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}")]
pub struct ParseError {
    /// Line of the file, from 1.
    pub line: u32,
    /// Description of the expected text.
    pub expected: &'static str,
}

impl ParseError {
    pub(crate) fn new(line: usize, expected: &'static str) -> Self {
        Self { line: u32::try_from(line + 1).unwrap_or(u32::MAX), expected }
    }
}

/// Result of a row parser. A malformed row loses only itself, or only the affected key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parsed<T> {
    /// Values of all other rows.
    pub value: T,
    /// The first skipped row.
    pub skipped: Option<ParseError>,
}

/// A file that exists but yielded nothing usable. A missing file is not an error.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The kernel returned an error.
    #[error("{}", describe(*.0))]
    Io(#[from] Errno),
    /// The text is malformed.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Larger than any valid file of this kind; holds the bound in bytes.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
}

/// Returns true if this error means "the kernel has no such value here" rather than "it could not be read".
///
/// `ENOENT`: no such file on this kernel, or its owner ended. `ENODEV`: the cgroup was removed after its file was opened.
/// `ESRCH`: the process ended after its file was opened. `EOPNOTSUPP`: the file exists but the feature is off (pressure
/// with `psi=0`). `ENOTDIR`: a parent is not a directory.
pub(crate) fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NODEV | Errno::SRCH | Errno::OPNOTSUPP | Errno::NOTDIR)
}

fn describe(errno: Errno) -> String {
    std::io::Error::from(errno).to_string()
}
