//! Embeds the shipped components, as compressed native code with size and digest of their WebAssembly.
//!
//! The components are built by `make builtins` (see docs/decisions/001); this script only compresses and embeds the files.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha2::{Digest, Sha256};

/// Components in every default pipeline.
const NAMES: [&str; 3] = ["decorate", "utilization", "emf"];
/// Components in few pipelines, each embedded only with the feature of its name.
const OPTIONAL: [&str; 1] = ["script"];

/// Environment variable with the directory of the components, if they were built elsewhere.
const DIRECTORY_VARIABLE: &str = "INSIGHTD_BUILTINS";

fn main() {
    println!("cargo::rerun-if-env-changed={DIRECTORY_VARIABLE}");
    println!("cargo::rerun-if-changed=build.rs");
    // The workspace is two directories up. Read at run time, not when this script was compiled, because target
    // directories are moved and shared.
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let workspace = manifest.ancestors().nth(2).unwrap_or(&manifest);
    let built = workspace.join("target/transforms");
    let directory = env::var_os(DIRECTORY_VARIABLE).map_or(built, PathBuf::from);
    let mut list = String::from("&[\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let is_enabled = |name: &&str| env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_some();
    for name in NAMES.into_iter().chain(OPTIONAL.into_iter().filter(is_enabled)) {
        match entry(&directory, name, &out) {
            Ok(entry) => list.push_str(&entry),
            Err(problem) => println!("cargo::error={problem}"),
        }
    }
    list.push_str("]\n");
    if let Err(error) = fs::write(out.join("builtins.rs"), list) {
        println!("cargo::error={}: {error}", out.display());
    }
}

/// Compresses one component's native code into a file in the directory `out`, and returns the source text of its `Builtin`.
fn entry(directory: &Path, name: &str, out: &Path) -> Result<String, String> {
    let read = |extension: &str| {
        let path = directory.join(name).with_extension(extension);
        println!("cargo::rerun-if-changed={}", path.display());
        fs::read(&path).map_err(|error| {
            format!("the built-in component {} is missing ({error}): run `make builtins`", path.display())
        })
    };
    let (wasm, native) = (read("wasm")?, read("cwasm")?);
    let digest: [u8; 32] = Sha256::digest(&wasm).into();
    let packed = out.join(name).with_extension("cwasm.z");
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(&native)
        .and_then(|()| encoder.finish())
        .and_then(|bytes| fs::write(&packed, bytes))
        .map_err(|error| format!("{}: {error}", packed.display()))?;
    let mut entry = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        entry,
        "Builtin {{ name: {name:?}, wasm_bytes: {}, wasm_sha256: {digest:?}, native_bytes: {}, packed: include_bytes!({packed:?}) }},",
        wasm.len(),
        native.len(),
    );
    Ok(entry)
}
