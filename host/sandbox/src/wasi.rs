//! The `wasi:` imports of components built with std, implemented without access to anything.
//!
//! Every crate with std imports a dozen `wasi:` interfaces, whether it uses them or not. Standard output and error become log
//! messages, random numbers are a function of the batch, the environment is empty, and there are no files. Any other function
//! fails the call with the import's name. There is no clock: the time is part of the batch.

mod functions;
mod resources;

use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime::component::types::{ComponentInstance, ComponentItem};

use crate::call::Host;
use crate::text::{NAME_BYTES, clip};

/// Returns true if `import` is a `wasi:` interface of a version implemented here (0.2).
pub(crate) fn is_implemented(import: &str) -> bool {
    import.starts_with("wasi:")
        && import.split_once('@').is_some_and(|(_, version)| version.starts_with("0.2."))
}

/// A call of a function that no component may use.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not available")]
pub(crate) struct Denied(pub(crate) String);

/// A call of `exit`, with the exit code.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub(crate) struct Exit(pub(crate) u8);

/// Random numbers that depend only on the batch (splitmix64).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Adds all functions of one imported interface: harmless implementations where they exist, the others fail the call.
pub(crate) fn add_to_linker(
    linker: &mut Linker<Host>,
    engine: &Engine,
    import: &str,
    interface: &ComponentInstance,
) -> wasmtime::Result<()> {
    let base = import.split_once('@').map_or(import, |(base, _)| base);
    let mut instance = linker.instance(import)?;
    for (name, external) in interface.exports(engine) {
        match external.ty {
            ComponentItem::Resource(_) => {
                instance.resource(name, resources::resource_type(name), |_, _| Ok(()))?;
            }
            ComponentItem::ComponentFunc(_) => {
                let is_defined = functions::define(&mut instance, base, name)?;
                if !is_defined {
                    let denied = clip(&format!("{import}#{name}"), NAME_BYTES);
                    instance.func_new(name, move |_, _, _, _| Err(Denied(denied.clone()).into()))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
