//! The components that are embedded in the agent.

#![allow(unsafe_code, reason = "native code is trusted by promise; see `Builtin::native_code`")]

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::ZlibDecoder;
use insightd_sandbox::NativeCode;

/// A component that is embedded in the agent.
#[derive(Debug)]
pub struct Builtin {
    /// Name, as in `builtin:NAME`.
    pub name: &'static str,
    /// Size of the WebAssembly that it was compiled from, bytes.
    pub wasm_bytes: usize,
    /// SHA-256 of that WebAssembly.
    pub wasm_sha256: [u8; 32],
    native: Native,
}

/// Embedded native code.
#[derive(Debug)]
enum Native {
    Plain(&'static [u8]),
    /// Compressed (zlib): for a component that few configurations use.
    Packed(&'static [u8]),
}

static ALL: [Builtin; 4] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

impl Builtin {
    /// Returns the native code for the sandbox.
    ///
    /// # Errors
    /// Fails if the compressed code cannot be unpacked: the agent's executable is damaged.
    pub fn native_code(&self) -> std::io::Result<NativeCode> {
        let code = match self.native {
            Native::Plain(code) => Cow::Borrowed(code),
            Native::Packed(packed) => {
                let mut code = Vec::new();
                ZlibDecoder::new(packed).read_to_end(&mut code)?;
                Cow::Owned(code)
            }
        };
        // SAFETY: the build script embeds the output of `insightd-compile` for this build, unchanged or compressed with
        // a checksum; nothing else creates a `Builtin`.
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
