//! The one engine configuration that the agent, the compiler child and the build step share.
//!
//! Native code says which engine settings it was made for, and an engine with others refuses it. So whoever makes native
//! code and whoever runs it must call [`config`].

use wasmtime::{Config, Engine};

/// Native target of this agent and, unless told otherwise, of the compiler: the architecture's baseline. The code is the
/// same with either C library, but the engine wants the name of the one that it is built with.
pub const TARGET: &str = match (cfg!(target_arch = "aarch64"), cfg!(target_env = "musl")) {
    (false, false) => "x86_64-unknown-linux-gnu",
    (false, true) => "x86_64-unknown-linux-musl",
    (true, false) => "aarch64-unknown-linux-gnu",
    (true, true) => "aarch64-unknown-linux-musl",
};
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("components run on x86_64 and aarch64");

/// Call stack that a component may use, bytes; deeper recursion traps. Well below the 2 MiB of a thread.
const STACK_BYTES: usize = 512 * 1024;

/// Settings for native code of `target`, such as [`TARGET`].
///
/// The target is always named: without a name the compiler takes the features of the processor it runs on, and the code
/// is refused on an older one.
///
/// # Errors
/// When `target` is not a target triple.
pub fn config(target: &str) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config
        .target(target)?
        // Deadlines: compiled code looks at the epoch on loop heads and function entries.
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        // Results may differ between processors.
        .wasm_relaxed_simd(false)
        // Calls are synchronous; the bookkeeping of concurrent ones would cost every store.
        .concurrency_support(false)
        // Stack walking uses frame pointers. Both tables would only make native code a sixth larger.
        .native_unwind_info(false)
        .generate_address_map(false);
    Ok(config)
}

/// An engine that can run native code but not make it.
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    Engine::new(&config(TARGET)?)
}
