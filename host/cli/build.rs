//! Embeds the SDK's sources, which `insightctl transform new` writes into a new crate, and the recording of `insightctl demo`.

#[path = "build/demo.rs"]
mod demo;
#[path = "build/sdk.rs"]
mod sdk;

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    // The workspace is two levels up. Asked now, not when this script was compiled: target directories are moved and shared.
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let workspace = manifest.ancestors().nth(2).unwrap_or(&manifest);
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for written in [
        sdk::write(workspace, &out.join("sdk.gz")),
        demo::write(&manifest.join("demo/node.jsonl"), &out.join("demo.gz")),
    ] {
        if let Err(problem) = written {
            println!("cargo::error={problem}");
        }
    }
}
