//! The recording of `insightctl demo`, compressed.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Compresses a recording into the file `out`.
pub(crate) fn write(recording: &Path, out: &Path) -> Result<(), String> {
    println!("cargo::rerun-if-changed={}", recording.display());
    let text = fs::read(recording).map_err(|error| format!("{}: {error}", recording.display()))?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let packed = packed.write_all(&text).and_then(|()| packed.finish());
    packed.and_then(|packed| fs::write(out, packed)).map_err(|error| format!("{}: {error}", out.display()))
}
