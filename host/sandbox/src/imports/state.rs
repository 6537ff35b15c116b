//! The `state` import: persistent state of components between ticks.
//!
//! A call works on an overlay of the state passed to it. The caller decides whether the changes are committed.

use std::sync::Arc;

use insights_batch::state::{Changes, NOT_GRANTED, Overlay};
use wasmtime::component::{Linker, WasmList, WasmStr};
use wasmtime::{Store, StoreContextMut};

use crate::call::Host;

/// Interface of the contract that this module implements.
pub(crate) const IMPORT: &str = "insights:transform/state@0.1.0";

type Call<'a> = StoreContextMut<'a, Host>;

/// Adds the functions of the `state` import.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(IMPORT)?;
    instance.func_wrap("get", |store: Call<'_>, (key,): (WasmStr,)| {
        let Some(overlay) = &store.data().state else { return Ok((None,)) };
        Ok((overlay.get(&key.to_str(&store)?).map(Arc::clone),))
    })?;
    instance.func_wrap("set", |mut store: Call<'_>, (key, value): (WasmStr, WasmList<u8>)| {
        // Moved out of the store, so that key and value can be borrowed from the component's memory.
        let Some(mut overlay) = store.data_mut().state.take() else {
            return Ok((Err(NOT_GRANTED.to_owned()),));
        };
        let result = overlay.set(&key.to_str(&store)?, value.as_le_slice(&store));
        store.data_mut().state = Some(overlay);
        Ok((result.map_err(|refused| refused.to_string()),))
    })?;
    instance.func_wrap("delete", |mut store: Call<'_>, (key,): (WasmStr,)| {
        let Some(mut overlay) = store.data_mut().state.take() else { return Ok(()) };
        overlay.delete(&key.to_str(&store)?);
        store.data_mut().state = Some(overlay);
        Ok(())
    })?;
    instance.func_wrap("keys", |store: Call<'_>, (prefix,): (WasmStr,)| {
        let Some(overlay) = &store.data().state else { return Ok((Vec::new(),)) };
        Ok((overlay.keys(&prefix.to_str(&store)?),))
    })
}

/// Takes the changes of a successful call.
pub(crate) fn changes(store: &mut Store<Host>) -> Changes {
    store.data_mut().state.take().map(Overlay::into_changes).unwrap_or_default()
}
