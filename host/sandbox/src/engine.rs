//! The engine configuration shared by the agent, the compiler child and the build step.
//!
//! Native code records the engine settings it was compiled for, and an engine with other settings rejects it. Both the
//! compiler and the agent must therefore call [`config`].

use wasmtime::{Config, Engine};

/// True if wasmtime contains a compiler in this build: it has the type `CodeBuilder` only then.
///
/// This crate does not ask for one, but cargo unifies features over the packages of one build, and `insightd-compile` does.
pub const HAS_COMPILER: bool = {
    #[allow(
        unused_imports,
        reason = "without a compiler there is no such name, and the one below is meant"
    )]
    use wasmtime::*;
    size_of::<CodeBuilder>() != 0
};

/// The meaning of the name where wasmtime does not have it: an import in a block comes before the items around it.
#[allow(dead_code, reason = "with a compiler, wasmtime's type is meant")]
struct CodeBuilder;

/// Native target of this agent and default target of the compiler: the architecture's baseline. The code is the same for
/// glibc and musl, but the engine requires the triple that it was built for.
pub const TARGET: &str = match (cfg!(target_arch = "aarch64"), cfg!(target_env = "musl")) {
    (false, false) => "x86_64-unknown-linux-gnu",
    (false, true) => "x86_64-unknown-linux-musl",
    (true, false) => "aarch64-unknown-linux-gnu",
    (true, true) => "aarch64-unknown-linux-musl",
};
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("components run on x86_64 and aarch64");

/// Maximum call stack of a component in bytes; deeper recursion traps. Well below the 2 MiB stack of a thread.
const STACK_BYTES: usize = 512 * 1024;

/// Returns the engine settings for native code of `target`, such as [`TARGET`].
///
/// The target is always explicit: otherwise the compiler uses the CPU features of its own machine, and an older CPU
/// rejects the code.
///
/// # Errors
/// Fails if `target` is not a target triple.
pub fn config(target: &str) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config
        .target(target)?
        // Deadlines: compiled code checks the epoch at loop heads and function entries.
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        // Results of relaxed SIMD may differ between CPUs.
        .wasm_relaxed_simd(false)
        // Calls are synchronous; bookkeeping for concurrent calls would cost every store.
        .concurrency_support(false)
        // Stack walking uses frame pointers. Both tables would only make native code a sixth larger.
        .native_unwind_info(false)
        .generate_address_map(false);
    Ok(config)
}

/// Creates an engine that runs native code but cannot compile.
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    Engine::new(&config(TARGET)?)
}
