//! The compiler child: one resource-limited process per new component, which exits when done.
//!
//! A compiler is the largest piece of code that untrusted bytes reach, and input can make it use any amount of time and
//! memory, so it does not run in the agent. The child (`insightd-compile`) reads the component from standard input and writes
//! native code to standard output. Nothing is written to disk, where it could be modified before it is run.

mod child;

use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::native::NativeCode;

/// Starts compiler children. Compiling takes from about 10 ms to a second for the larger components, and blocks the calling thread.
#[derive(Clone, Debug)]
pub struct Compiler {
    path: PathBuf,
    limits: CompileLimits,
}

/// Limits of one compiler child. The defaults suffice for a component of 1 MiB; the components shipped with the agent need less
/// than half of the memory.
#[derive(Clone, Debug)]
pub struct CompileLimits {
    /// Address space of the child in bytes (`RLIMIT_AS`).
    pub memory_bytes: u64,
    /// CPU time of the child (`RLIMIT_CPU`), in whole seconds.
    pub cpu_time: Duration,
    /// Wall-clock time: a backstop on a throttled CPU.
    pub wall_time: Duration,
    /// Maximum size of a component in bytes.
    pub max_component_bytes: usize,
    /// Maximum size of the native code in bytes.
    pub max_native_bytes: usize,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            // The larger components take a second of CPU time on a fast processor, and many times that on a slow or emulated one.
            cpu_time: Duration::from_secs(20),
            wall_time: Duration::from_secs(60),
            max_component_bytes: 4 << 20,
            max_native_bytes: 16 << 20,
        }
    }
}

/// Reason why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The child could not be started.
    #[error(
        "cannot start the compiler {path}: {error}; check that `insightd-compile` is installed beside the \
         agent",
        path = path.display()
    )]
    Start {
        /// Path of the program.
        path: PathBuf,
        /// Error of the start.
        error: std::io::Error,
    },
    /// Communication with the child failed.
    #[error("cannot communicate with the compiler: {0}")]
    Pipe(#[from] std::io::Error),
    /// The component exceeds the size limit.
    #[error("the component has {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Size in bytes.
        bytes: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// The input is not a valid component, with the error text of the compiler.
    #[error("{0}")]
    Refused(String),
    /// The child exceeded a limit: the component is too big, or crafted to exhaust compilers.
    #[error("the compiler was stopped: {0}")]
    Limit(String),
    /// The child was killed with SIGKILL: by the kernel's out-of-memory killer or another process, not by a limit of its own.
    #[error(
        "the compiler was killed (SIGKILL): the container ran out of memory, or another process killed it; \
         check the container's memory limit"
    )]
    Killed,
    /// The child died for another reason.
    #[error("the compiler failed: {0}")]
    Died(String),
}

impl Compiler {
    /// Creates a compiler with the default limits. `path` is the program `insightd-compile`; it is trusted like the agent itself,
    /// because it produces the machine code that the agent runs.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with_limits(path, CompileLimits::default())
    }

    /// Like [`Compiler::new`], with other limits.
    pub fn with_limits(path: impl Into<PathBuf>, limits: CompileLimits) -> Self {
        Self { path: path.into(), limits }
    }

    /// Compiles a component to native code.
    ///
    /// # Errors
    /// Fails if the component is invalid, the child exceeds its limits, or it cannot be run.
    pub fn compile(&self, wasm: &[u8]) -> Result<NativeCode, CompileError> {
        let limit = self.limits.max_component_bytes;
        if wasm.len() > limit {
            return Err(CompileError::TooLarge { bytes: wasm.len(), limit });
        }
        let native = child::run(&self.path, &self.limits, wasm)?;
        Ok(NativeCode::compiled(native, Sha256::digest(wasm).into()))
    }
}
