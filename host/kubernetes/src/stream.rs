//! Parsers of responses that are read as they arrive, in pieces of any size.

#[cfg(any(feature = "client", feature = "fuzzing"))]
pub(crate) mod gunzip;
#[cfg(any(feature = "client", feature = "fuzzing"))]
pub(crate) mod lines;
#[cfg(any(feature = "client", feature = "fuzzing"))]
pub(crate) mod list;
pub(crate) mod split;

/// Bytes of a buffer that stay allocated between elements or lines.
const RETAINED_BYTES: usize = 64 * 1024;
