//! Bindings that `wit-bindgen` generates from the contract, one module per world.
//!
//! With `pub_export_macro` the custom section that declares a component's exports is emitted where the export macro is
//! used. A component therefore has only the world whose macro its author used; nothing of the other world is linked.
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::undocumented_unsafe_blocks,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]

/// Bindings of the world `transform`.
pub mod transform {
    wit_bindgen::generate!({
        path: "wit",
        world: "transform",
        pub_export_macro: true,
        export_macro_name: "export_world_transform",
        default_bindings_module: "insights_sdk::guest::transform",
        generate_all,
    });
}

/// Bindings of the world `formatter`, which reuses the types of the world `transform`.
pub mod formatter {
    wit_bindgen::generate!({
        path: "wit",
        world: "formatter",
        with: {
            "insights:transform/types@0.1.0": crate::guest::transform::insights::transform::types,
            "insights:transform/log@0.1.0": crate::guest::transform::insights::transform::log,
            "insights:transform/state@0.1.0": crate::guest::transform::insights::transform::state,
        },
        pub_export_macro: true,
        export_macro_name: "export_world_formatter",
        default_bindings_module: "insights_sdk::guest::formatter",
    });
}
