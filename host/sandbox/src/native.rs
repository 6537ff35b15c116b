//! Native code of a component, and where it may come from.

use std::borrow::Cow;
use std::fmt;

/// Native code that the agent may run. It is trusted like the agent itself: whoever can choose its bytes can do what the
/// agent can. So it has two sources only: what was built into the agent, and its own compiler child.
#[derive(Clone)]
pub struct NativeCode {
    bytes: Cow<'static, [u8]>,
    sha256: [u8; 32],
}

impl NativeCode {
    /// Native code that was built into the agent; `sha256` is that of the component it was made from.
    ///
    /// # Safety
    /// `bytes` must be what `insightd-compile` wrote, unchanged. The loader finds other engines and cut-off files, but not
    /// changed machine code, which then runs outside of every sandbox.
    #[expect(unsafe_code, reason = "the trust that cannot be checked is the caller's promise")]
    pub unsafe fn embedded(bytes: impl Into<Cow<'static, [u8]>>, sha256: [u8; 32]) -> Self {
        Self { bytes: bytes.into(), sha256 }
    }

    /// What the compiler child wrote.
    pub(crate) fn compiled(bytes: Vec<u8>, sha256: [u8; 32]) -> Self {
        Self { bytes: Cow::Owned(bytes), sha256 }
    }

    /// The code, in wasmtime's format.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the component (the WebAssembly) that this was made from.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

impl fmt::Debug for NativeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeCode").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}
