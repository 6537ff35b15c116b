//! What `wit-bindgen` makes of the contract, once for each world.
//!
//! With `pub_export_macro` the section that says what a component exports is written where the export macro is used, so
//! a component has the one world whose macro its author wrote; of the other one nothing is linked.
#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    clippy::undocumented_unsafe_blocks,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]

/// World `transform`.
pub mod transform {
    wit_bindgen::generate!({
        path: "../wit",
        world: "transform",
        pub_export_macro: true,
        export_macro_name: "export_world_transform",
        default_bindings_module: "insights_sdk::guest::transform",
        generate_all,
    });
}

/// World `formatter`, with the types of the other one.
pub mod formatter {
    wit_bindgen::generate!({
        path: "../wit",
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
