//! Compresses the JSON Schema of the configuration, which is printed once in a while, for the program to embed.

use std::io::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use flate2::Compression;
use flate2::write::ZlibEncoder;

const SCHEMA: &str = "src/config/schema.json";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={SCHEMA}");
    let directory = |name| PathBuf::from(env::var_os(name).unwrap_or_default());
    let (from, to) =
        (directory("CARGO_MANIFEST_DIR").join(SCHEMA), directory("OUT_DIR").join("schema.json.z"));
    let compress = || {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&fs::read(&from)?)?;
        fs::write(&to, encoder.finish()?)
    };
    if let Err(error) = compress() {
        println!("cargo::error={} to {}: {error}", from.display(), to.display());
    }
}
