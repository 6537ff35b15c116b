//! The compiler child: one process for each new component, under limits, gone when it is done.
//!
//! A compiler is the largest piece of code that foreign bytes can reach, and it can be made to use any amount of time and
//! memory. So it is not in the agent. The child (`insightd-compile`) takes the component on standard input and gives native
//! code on standard output; nothing is written to disk, where it could be changed before it is run.

mod child;

use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::native::NativeCode;

/// Starts compiler children. Compiling takes 10 to 300 ms; it blocks the calling thread.
#[derive(Clone, Debug)]
pub struct Compiler {
    path: PathBuf,
    limits: CompileLimits,
}

/// What one compiler child may use. The defaults compile a component of 1 MiB; those that ship with the agent need less
/// than half of the memory.
#[derive(Clone, Debug)]
pub struct CompileLimits {
    /// Address space of the child, bytes.
    pub memory_bytes: u64,
    /// CPU time of the child; whole seconds.
    pub cpu_time: Duration,
    /// Time on the clock: a backstop where the CPU is throttled.
    pub wall_time: Duration,
    /// Largest component, bytes.
    pub max_component_bytes: usize,
    /// Largest native code, bytes.
    pub max_native_bytes: usize,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            // Compiling the larger components takes a second on a fast processor; a slow or an emulated one takes many times that.
            cpu_time: Duration::from_secs(20),
            wall_time: Duration::from_secs(60),
            max_component_bytes: 4 << 20,
            max_native_bytes: 16 << 20,
        }
    }
}

/// Why there is no native code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The child did not start.
    #[error("cannot start the compiler {path}: {error}. Is `insightd-compile` installed beside the agent?", path = path.display())]
    Start {
        /// Program that was to be started.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Talking to the child failed.
    #[error("cannot talk to the compiler: {0}")]
    Pipe(#[from] std::io::Error),
    /// The component is larger than components may be.
    #[error("the component has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The compiler says that this is no valid component, in its words.
    #[error("{0}")]
    Refused(String),
    /// The child went over one of its limits: the component is too big, or made to break compilers.
    #[error("the compiler was stopped: {0}")]
    Limit(String),
    /// The child died otherwise.
    #[error("the compiler died: {0}")]
    Died(String),
}

impl Compiler {
    /// A compiler with the default limits. `path` is the program `insightd-compile`; it is trusted like the agent itself,
    /// whose machine code it makes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::with_limits(path, CompileLimits::default())
    }

    /// As [`Compiler::new`], with other limits.
    pub fn with_limits(path: impl Into<PathBuf>, limits: CompileLimits) -> Self {
        Self { path: path.into(), limits }
    }

    /// Native code of a component.
    ///
    /// # Errors
    /// When the component is not valid, when the child went over its limits, or when it could not be run.
    pub fn compile(&self, wasm: &[u8]) -> Result<NativeCode, CompileError> {
        let limit = self.limits.max_component_bytes;
        if wasm.len() > limit {
            return Err(CompileError::TooLarge { bytes: wasm.len(), limit });
        }
        let native = child::run(&self.path, &self.limits, wasm)?;
        Ok(NativeCode::compiled(native, Sha256::digest(wasm).into()))
    }
}
