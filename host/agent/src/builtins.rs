//! The components that are part of the agent.

#![allow(unsafe_code, reason = "native code is trusted by promise; see `Builtin::native_code`")]

use std::borrow::Cow;
use std::io::Read as _;

use flate2::read::ZlibDecoder;
use insightd_sandbox::NativeCode;

/// A component that is part of the agent.
#[derive(Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Size of the WebAssembly that it was made from.
    pub wasm_bytes: usize,
    /// SHA-256 of that WebAssembly.
    pub wasm_sha256: [u8; 32],
    native: Native,
}

/// Native code as it is embedded.
#[derive(Debug)]
enum Native {
    Plain(&'static [u8]),
    /// Compressed (zlib): for a component that few configurations use.
    Packed(&'static [u8]),
}

static ALL: [Builtin; 4] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

impl Builtin {
    /// Native code for the sandbox.
    ///
    /// # Errors
    /// The packed code cannot be unpacked: the agent's own file is damaged.
    pub fn native_code(&self) -> std::io::Result<NativeCode> {
        let code = match self.native {
            Native::Plain(code) => Cow::Borrowed(code),
            Native::Packed(packed) => {
                let mut code = Vec::new();
                ZlibDecoder::new(packed).read_to_end(&mut code)?;
                Cow::Owned(code)
            }
        };
        // SAFETY: the build script embeds what `insightd-compile` wrote for this build, unchanged or packed with a checksum;
        // nothing else makes a `Builtin`.
        Ok(unsafe { NativeCode::embedded(code, self.wasm_sha256) })
    }
}

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    ALL.iter().find(|builtin| builtin.name == name)
}

/// All names, for messages.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|builtin| builtin.name)
}
