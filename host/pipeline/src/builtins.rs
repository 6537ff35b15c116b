//! The components that are embedded in the agent.

#![allow(unsafe_code, reason = "native code is trusted by promise; see `Builtin::native_code`")]

#[cfg(feature = "script")]
mod packed;

use std::borrow::Cow;
use std::io;

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
    native: &'static [u8],
    /// Unpacks `native` if it is compressed.
    unpack: Option<Unpack>,
}

type Unpack = fn(&[u8]) -> io::Result<Vec<u8>>;

static ALL: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

impl Builtin {
    /// Returns the native code for the sandbox.
    ///
    /// # Errors
    /// Fails if the compressed code cannot be unpacked: the agent's executable is damaged.
    pub fn native_code(&self) -> io::Result<NativeCode> {
        let code = match self.unpack {
            None => Cow::Borrowed(self.native),
            Some(unpack) => Cow::Owned(unpack(self.native)?),
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

/// Returns true if there is a built-in of this name, but this build leaves it out.
pub fn is_left_out(name: &str) -> bool {
    OPTIONAL.contains(&name) && find(name).is_none()
}
