//! Native code that is embedded compressed (zlib): that of components which few configurations use.

use std::io::{self, Read as _};

use flate2::read::ZlibDecoder;

/// Unpacks the code. The checksum of the format reveals a damaged executable.
pub(super) fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut code = Vec::new();
    ZlibDecoder::new(packed).read_to_end(&mut code)?;
    Ok(code)
}
