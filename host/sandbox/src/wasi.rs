//! What a component built with std asks of `wasi:`, answered without giving it anything.
//!
//! Every crate with std imports a dozen `wasi:` interfaces, used or not. Standard output and error become log lines, random
//! numbers are a function of the batch, the environment is empty, there are no files; everything else stops the call with
//! the import's name. There is no clock: time comes with the batch.

mod answers;
mod resources;

use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime::component::types::{ComponentInstance, ComponentItem};

use crate::call::Host;
use crate::text::{NAME_BYTES, clip};

/// Whether `import` is of a version that is answered here.
pub(crate) fn answers(import: &str) -> bool {
    import.starts_with("wasi:")
        && import.split_once('@').is_some_and(|(_, version)| version.starts_with("0.2."))
}

/// The component called something that no component gets.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not available")]
pub(crate) struct Denied(pub(crate) String);

/// The component ended itself.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub(crate) struct Exit(pub(crate) u8);

/// Numbers that follow from the batch alone (splitmix64).
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

/// Answers all of one imported interface: what is known harmlessly, the rest by stopping the call.
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
                instance.resource(name, resources::of(name), |_, _| Ok(()))?;
            }
            ComponentItem::ComponentFunc(_) => {
                let answered = answers::define(&mut instance, base, name)?;
                if !answered {
                    let denied = clip(&format!("{import}#{name}"), NAME_BYTES);
                    instance.func_new(name, move |_, _, _, _| Err(Denied(denied.clone()).into()))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
