//! Embeds the shipped components, as native code and with which WebAssembly it was made from, and the SDK's sources.
//!
//! Components are built by `make builtins` (see docs/decisions/001): this script only takes what is there.

#[path = "build/sdk.rs"]
mod sdk;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use sha2::{Digest, Sha256};

const NAMES: [&str; 3] = ["decorate", "utilization", "emf"];

/// Folder of the components, where they were built elsewhere.
const FOLDER: &str = "INSIGHTD_BUILTINS";

fn main() {
    println!("cargo::rerun-if-env-changed={FOLDER}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    // Two folders up is the workspace. Asked now, not when this script was compiled: target folders are moved and shared.
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let workspace = manifest.ancestors().nth(2).unwrap_or(&manifest);
    let built = workspace.join("target/transforms");
    let folder = env::var_os(FOLDER).map_or(built, PathBuf::from);
    let mut list = String::from("[\n");
    for name in NAMES {
        match entry(&folder, name) {
            Ok(entry) => list.push_str(&entry),
            Err(problem) => println!("cargo::error={problem}"),
        }
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    if let Err(error) = fs::write(out.join("builtins.rs"), list) {
        println!("cargo::error={}: {error}", out.display());
    }
    if let Err(problem) = sdk::write(workspace, &out.join("sdk.gz")) {
        println!("cargo::error={problem}");
    }
}

/// The source text of one `Builtin`.
fn entry(folder: &Path, name: &str) -> Result<String, String> {
    let file = |extension: &str| folder.join(name).with_extension(extension);
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
    let mut entry = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        entry,
        "Builtin {{ name: {name:?}, wasm_bytes: {}, wasm_sha256: {digest:?}, native: include_bytes!({native:?}) }},",
        bytes.len(),
    );
    Ok(entry)
}
