//! Native code of a component, and its trusted sources.

use std::fmt;

/// Native code that the agent may run. It is trusted like the agent itself: whoever controls its bytes controls the agent.
/// It therefore has only two sources: code built into the agent, and the agent's own compiler child.
#[derive(Clone)]
pub struct NativeCode {
    bytes: Vec<u8>,
    sha256: [u8; 32],
}

impl NativeCode {
    /// Wraps native code that was built into the agent; `sha256` is that of the component it was compiled from.
    ///
    /// # Safety
    /// `bytes` must be the unchanged output of `insightd-compile`. The loader detects other engines and truncated files, but not
    /// modified machine code, which then runs outside of the sandbox.
    #[expect(unsafe_code, reason = "the trust that cannot be checked is the caller's promise")]
    pub unsafe fn embedded(bytes: Vec<u8>, sha256: [u8; 32]) -> Self {
        Self { bytes, sha256 }
    }

    /// Wraps the output of the compiler child.
    pub(crate) fn compiled(bytes: Vec<u8>, sha256: [u8; 32]) -> Self {
        Self { bytes, sha256 }
    }

    /// Returns the code, in wasmtime's serialized format.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the SHA-256 of the component (the WebAssembly) that the code was compiled from.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

impl fmt::Debug for NativeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeCode").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
