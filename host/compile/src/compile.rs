//! Compilation of a component with the engine settings of the agent.

use insightd_sandbox::engine;
use wasmtime::{Engine, OutOfMemory};

use crate::exhaustion;

/// First bytes of a component: magic, version, layer 1. A core module has layer 0.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Creates an engine that generates code for `target`, with the settings of the agent's engine.
pub(crate) fn engine(target: &str) -> Result<Engine, String> {
    let refused = |error: wasmtime::Error| format!("cannot compile for {target}: {error:#}");
    Engine::new(&engine::config(target).map_err(refused)?).map_err(refused)
}

/// Compiles a component to native code.
pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, String> {
    if !wasm.starts_with(COMPONENT) {
        return Err(match wasm {
            [] => "not a component: the file is empty".to_owned(),
            _ if wasm.starts_with(MODULE) => {
                "not a component but a core module; build it for wasm32-wasip2".to_owned()
            }
            _ => {
                "not a component: bad magic number; expected a .wasm file built for wasm32-wasip2".to_owned()
            }
        });
    }
    engine.precompile_component(wasm).map_err(|error| {
        if is_exhaustion(&error) {
            exhaustion::exit();
        }
        format!("invalid component: {error:#}")
    })
}

/// Returns true if the kernel refused memory: for some of its own mappings, wasmtime returns an error instead of aborting.
fn is_exhaustion(error: &wasmtime::Error) -> bool {
    let refused = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<OutOfMemory>()
            || cause.downcast_ref() == Some(&rustix::io::Errno::NOMEM)
            || cause
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == std::io::ErrorKind::OutOfMemory)
    };
    error.is::<OutOfMemory>() || error.chain().any(refused)
}

#[cfg(test)]
mod tests {
    use insightd_sandbox::engine;

    /// The agent's build fails if this is true of it: it must be able to tell.
    #[test]
    fn the_sandbox_knows_that_this_build_has_a_compiler() {
        let has_compiler = engine::HAS_COMPILER;
        assert!(has_compiler);
    }
}
