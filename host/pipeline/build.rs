//! Embeds the shipped components, as native code with size and digest of their WebAssembly, and the SDK's sources.
//!
//! The components are built by `make builtins` (see docs/decisions/001); this script only embeds the files.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha2::{Digest, Sha256};

/// Components in every default pipeline; their native code is embedded as it is.
const NAMES: [&str; 3] = ["decorate", "utilization", "emf"];
/// Components in few pipelines, each embedded only with the feature of its name; compressed to a third of the size.
const PACKED: [&str; 1] = ["script"];

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
    let plain = NAMES.map(|name| (name, None));
    let is_enabled = |name: &&str| env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_some();
    let packed = PACKED.into_iter().filter(is_enabled).map(|name| (name, Some(&*out)));
    for (name, packed_in) in plain.into_iter().chain(packed) {
        match entry(&directory, name, packed_in) {
            Ok(entry) => list.push_str(&entry),
            Err(problem) => println!("cargo::error={problem}"),
        }
    }
    list.push_str("]\n");
    if let Err(error) = fs::write(out.join("builtins.rs"), list) {
        println!("cargo::error={}: {error}", out.display());
    }
}

/// Returns the source text of one `Builtin`. Its native code is compressed into a file in the directory `packed_in`, or embedded as it is.
fn entry(directory: &Path, name: &str, packed_in: Option<&Path>) -> Result<String, String> {
    let file = |extension: &str| directory.join(name).with_extension(extension);
    let (wasm, native) = (file("wasm"), file("cwasm"));
    for path in [&wasm, &native] {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let missing = |path: &Path, error| {
        format!("the built-in component {} is missing ({error}): run `make builtins`", path.display())
    };
    let bytes = fs::read(&wasm).map_err(|error| missing(&wasm, error))?;
    let native = fs::canonicalize(&native).map_err(|error| missing(&native, error))?;
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let (unpack, file) = match packed_in {
        None => ("None", native),
        Some(out) => ("Some(packed::unpack)", pack(&native, &out.join(name).with_extension("cwasm.z"))?),
    };
    let mut entry = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        entry,
        "Builtin {{ name: {name:?}, wasm_bytes: {}, wasm_sha256: {digest:?}, native: include_bytes!({file:?}), unpack: {unpack} }},",
        bytes.len(),
    );
    Ok(entry)
}

fn pack(native: &Path, packed: &Path) -> Result<PathBuf, String> {
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let code = fs::read(native).map_err(|error| told(native, error))?;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let bytes =
        encoder.write_all(&code).and_then(|()| encoder.finish()).map_err(|error| told(native, error))?;
    fs::write(packed, bytes).map_err(|error| told(packed, error))?;
    Ok(packed.to_owned())
}
