//! The `log` import.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmStr};

use crate::call::Host;
use crate::log::Level;
use crate::text::clip;

/// Interface of the contract that this module implements.
pub(crate) const IMPORT: &str = "insights:transform/log@0.1.0";

/// Adds the function of the `log` import.
pub(crate) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(IMPORT)?;
    instance.func_wrap("write", |mut store: StoreContextMut<'_, Host>, (level, message): (Level, WasmStr)| {
        // Checked before the text is read: a dropped line costs only a counter.
        if store.data_mut().log.take_line() {
            let max = store.data().log.line_bytes;
            let line = clip(&message.to_str(&store)?, max);
            store.data().log.write(level, &line);
        }
        Ok(())
    })
}
