//! Bindings of the exports of both worlds, generated from `wit/`.
//!
//! One world exports both interfaces, so that the records are generated once. A component need not export both: each
//! interface is looked up separately (`component.rs`). Records passed to a component borrow: the host's columns are
//! written to the component's memory without an intermediate copy. Imports are not generated: the modules in `imports`
//! read their arguments in place from the component's memory, which generated traits cannot do.

#![allow(missing_docs, unreachable_pub, reason = "generated from wit/, which documents everything")]

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package insightd:host;
        world both {
            export insights:transform/stage@0.1.0;
            export insights:transform/format@0.1.0;
        }
    ",
    world: "insightd:host/both",
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(crate) use exports::insights::transform::{format, stage};
