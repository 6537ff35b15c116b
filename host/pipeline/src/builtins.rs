//! The components that are embedded in the agent.

#![allow(unsafe_code, reason = "native code is trusted by promise; see `Builtin::native_code`")]

use std::io::{self, Read as _};

use flate2::read::ZlibDecoder;
use insightd_sandbox::NativeCode;

/// Built-ins that a build may leave out: those with a cargo feature of their name.
const OPTIONAL: [&str; 1] = ["script"];

/// A component that is embedded in the agent.
#[derive(Debug)]
pub struct Builtin {
    /// Name, as in `builtin:NAME`.
    pub name: &'static str,
    /// Size of the WebAssembly that it was compiled from, bytes.
    pub wasm_bytes: usize,
    /// SHA-256 of that WebAssembly.
    pub wasm_sha256: [u8; 32],
    /// Its native code, compressed (zlib) to less than half: it is read once.
    packed: &'static [u8],
    /// Size of the native code, bytes.
    native_bytes: usize,
}

static ALL: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

impl Builtin {
    /// Unpacks the native code for the sandbox.
    ///
    /// # Errors
    /// Fails if the checksum of the compressed code is wrong: the agent's executable is damaged.
    pub fn native_code(&self) -> io::Result<NativeCode> {
        let mut code = Vec::with_capacity(self.native_bytes);
        ZlibDecoder::new(self.packed).read_to_end(&mut code)?;
        // SAFETY: the build script embeds the output of `insightd-compile` for this build, compressed with a checksum;
        // nothing else creates a `Builtin`.
        Ok(unsafe { NativeCode::embedded(code, self.wasm_sha256) })
    }
}

/// Returns the built-in of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    ALL.iter().find(|builtin| builtin.name == name)
}

/// Returns the names of all built-ins, for messages.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|builtin| builtin.name)
}

/// Returns true if there is a built-in of this name, but this build leaves it out.
pub fn is_left_out(name: &str) -> bool {
    OPTIONAL.contains(&name) && find(name).is_none()
}
