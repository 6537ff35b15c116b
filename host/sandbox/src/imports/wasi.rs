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

use crate::call::{Denied, Host};
use crate::text::{NAME_BYTES, clip};

/// Returns true if `import` is a `wasi:` interface of a version implemented here (0.2).
pub(crate) fn is_implemented(import: &str) -> bool {
    import.starts_with("wasi:")
        && import.split_once('@').is_some_and(|(_, version)| version.starts_with("0.2."))
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
