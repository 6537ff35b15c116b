//! Loading of native code into a linked component.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use wasmtime::component::{self, InstancePre, Linker};
use wasmtime::{Engine, Precompiled};

use super::contract::{self, Import};
use super::{Component, Exports, Inner};
use crate::bindings::insights::transform::types;
use crate::bindings::{format, stage};
use crate::call::{AddStderr, Host, classify};
use crate::deadline::Deadline;
use crate::description::{Description, Kind};
use crate::error::{CallError, LoadError};
use crate::imports::{log, state, wasi};
use crate::log::LogQuota;
use crate::native::NativeCode;
use crate::shared::Shared;
use crate::text::{ERROR_BYTES, clip};

/// First bytes of WebAssembly, of modules and components alike.
const WASM_MAGIC: &[u8] = b"\0asm";

pub(crate) fn load(shared: &Arc<Shared>, name: &str, native: &NativeCode) -> Result<Component, LoadError> {
    let component = deserialize(&shared.engine, name, native)?;
    let component_type = component.component_type();
    let kind = contract::kind(name, &component_type, &shared.engine)?;
    let pre = link(shared, name, &component)?;
    let uses_state = component_type.imports(&shared.engine).any(|(import, _)| import == state::IMPORT);

    let types = |error: wasmtime::Error| types_error(name, &error);
    let exports = match kind {
        Kind::Transform => Exports::Stage(stage::GuestIndices::new(&pre).map_err(types)?),
        Kind::Formatter => Exports::Format(format::GuestIndices::new(&pre).map_err(types)?),
    };
    let name: Arc<str> = Arc::from(name);
    let log_quota = Arc::new(LogQuota::new(Arc::clone(&name), &shared.limits));
    let description = describe(shared, &name, &pre, &exports, &log_quota)?;
    let (sha256, shared) = (*native.sha256(), Arc::clone(shared));
    let peak_memory = AtomicUsize::new(0);
    Ok(Component(Arc::new(Inner {
        name,
        sha256,
        shared,
        pre,
        exports,
        uses_state,
        description,
        log_quota,
        peak_memory,
    })))
}

fn deserialize(engine: &Engine, name: &str, native: &NativeCode) -> Result<component::Component, LoadError> {
    let name = || name.to_owned();
    let bytes = native.bytes();
    if bytes.starts_with(WASM_MAGIC) {
        return Err(LoadError::Raw { name: name() });
    }
    match Engine::detect_precompiled(bytes) {
        Some(Precompiled::Component) => {}
        Some(Precompiled::Module) | None => {
            return Err(LoadError::NotNative { name: name(), bytes: bytes.len() });
        }
    }
    // SAFETY: `NativeCode` holds unchanged output of `insightd-compile`: it comes from `NativeCode::embedded`, whose caller
    // guarantees that, or directly from the compiler child.
    #[expect(unsafe_code, reason = "native code runs as it is; see `NativeCode`")]
    let component = unsafe { component::Component::deserialize(engine, bytes) };
    component
        .map_err(|error| LoadError::Engine { name: name(), reason: clip(&format!("{error:#}"), ERROR_BYTES) })
}

fn link(
    shared: &Shared,
    name: &str,
    component: &component::Component,
) -> Result<InstancePre<Host>, LoadError> {
    let types = |error: wasmtime::Error| types_error(name, &error);
    let engine = &shared.engine;
    let mut linker = Linker::new(engine);
    log::add_to_linker(&mut linker).map_err(types)?;
    state::add_to_linker(&mut linker).map_err(types)?;
    let component_type = component.component_type();
    for (import, external) in component_type.imports(engine) {
        if contract::import(name, import, &external.ty)? == Import::Wasi
            && let component::types::ComponentItem::ComponentInstance(instance) = &external.ty
        {
            wasi::add_to_linker(&mut linker, engine, import, instance).map_err(types)?;
        }
    }
    linker.instantiate_pre(component).map_err(types)
}

fn types_error(name: &str, error: &wasmtime::Error) -> LoadError {
    LoadError::Types { name: name.to_owned(), reason: clip(&format!("{error:#}"), ERROR_BYTES) }
}

/// Reason why `describe` could not be called or failed: export types that differ from the contract's, or a failed call.
enum DescribeError {
    Types(wasmtime::Error),
    Call(CallError),
}

impl From<CallError> for DescribeError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl AddStderr for DescribeError {
    fn with_stderr(self, line: &str) -> Self {
        match self {
            Self::Call(error) => Self::Call(error.with_stderr(line)),
            types @ Self::Types(_) => types,
        }
    }
}

fn describe(
    shared: &Shared,
    name: &str,
    pre: &InstancePre<Host>,
    exports: &Exports,
    log_quota: &Arc<LogQuota>,
) -> Result<Description, LoadError> {
    let described = shared.call(
        pre,
        log_quota,
        &AtomicUsize::new(0),
        &Deadline::for_single_call(&shared.limits),
        0,
        0,
        |store, instance| {
            let description = match exports {
                Exports::Stage(exports) => {
                    let guest = exports.load(&mut *store, instance).map_err(DescribeError::Types)?;
                    guest.call_describe(store)
                }
                Exports::Format(exports) => {
                    let guest = exports.load(&mut *store, instance).map_err(DescribeError::Types)?;
                    guest.call_describe(store)
                }
            };
            Ok(bounded(description.map_err(|error| classify(&error))?))
        },
    );
    described.map_err(|error| match error {
        DescribeError::Types(error) => types_error(name, &error),
        DescribeError::Call(error) => LoadError::Describe { name: name.to_owned(), error },
    })
}

/// Cuts a description, which is kept as long as the component, to the size that real ones need.
fn bounded(description: types::Description) -> Description {
    const WORD_BYTES: usize = 128;
    const SCHEMA_BYTES: usize = 64 * 1024;
    const NAMES: usize = 2048;
    let names = |names: Vec<String>| names.iter().take(NAMES).map(|name| clip(name, WORD_BYTES)).collect();
    Description {
        name: clip(&description.name, WORD_BYTES),
        version: clip(&description.version, WORD_BYTES),
        config_schema: if description.config_schema.len() <= SCHEMA_BYTES {
            description.config_schema
        } else {
            String::new()
        },
        reads: names(description.reads),
        writes: names(description.writes),
    }
}
