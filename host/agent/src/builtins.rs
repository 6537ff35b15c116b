//! The components that are part of the agent.

#![allow(unsafe_code, reason = "native code is trusted by promise; see `Builtin::native_code`")]

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
    native: &'static [u8],
}

static ALL: [Builtin; 3] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

impl Builtin {
    /// Native code for the sandbox.
    pub fn native_code(&self) -> NativeCode {
        // SAFETY: the build script embeds what `insightd-compile` wrote for this build, unchanged; nothing
        // else makes a `Builtin`.
        unsafe { NativeCode::embedded(self.native, self.wasm_sha256) }
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
