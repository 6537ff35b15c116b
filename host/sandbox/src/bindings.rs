//! The exports of both worlds, generated from `wit/`.
//!
//! One world that exports both interfaces, so that the records are generated once. No component has to export both: each
//! interface is looked up on its own (`component.rs`). Records that go into a component borrow: the host's columns are
//! written to the component's memory without a copy between. Imports are not here: `log.rs` and `wasi.rs` read them from the
//! component's memory in place, which generated traits cannot.

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
