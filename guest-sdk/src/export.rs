//! Macros that export a type as a component.

/// Exports a [`Transform`](crate::Transform) as the component's only export. Expands to nothing on targets other than
/// WebAssembly, so that the same crate can be tested natively.
///
/// ```
/// use insights_sdk::prelude::*;
///
/// struct Nothing;
///
/// impl Transform for Nothing {
///     const ABOUT: About = About::new("nothing", "1.0.0");
///
///     fn configure(_: &mut Settings) -> Result<Self, ConfigError> {
///         Ok(Self)
///     }
///
///     fn process(&self, _: &Batch) -> Result<(), String> {
///         Ok(())
///     }
/// }
///
/// insights_sdk::export_transform!(Nothing);
/// ```
#[macro_export]
macro_rules! export_transform {
    ($component:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::guest::transform as world;

            struct Exported;
            static SLOT: $crate::guest::Slot<$component> = $crate::guest::Slot::new();

            impl world::exports::insights::transform::stage::Guest for Exported {
                fn describe() -> $crate::guest::types::Description {
                    $crate::guest::describe(<$component as $crate::Transform>::ABOUT)
                }

                fn configure(text: $crate::__private::String) -> Result<(), $crate::__private::String> {
                    $crate::guest::configure(&SLOT, &text, <$component as $crate::Transform>::configure)
                }

                fn process(
                    batch: $crate::guest::types::Batch,
                ) -> Result<$crate::guest::types::Batch, $crate::__private::String> {
                    $crate::guest::process(&SLOT, batch)
                }
            }

            $crate::guest::transform::export_world_transform!(Exported with_types_in $crate::guest::transform);
        };
    };
}

/// Exports a [`Formatter`](crate::Formatter) as the component's only export. Expands to nothing on targets other than
/// WebAssembly, so that the same crate can be tested natively.
#[macro_export]
macro_rules! export_formatter {
    ($component:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::guest::formatter as world;

            struct Exported;
            static SLOT: $crate::guest::Slot<$component> = $crate::guest::Slot::new();

            impl world::exports::insights::transform::format::Guest for Exported {
                fn describe() -> $crate::guest::types::Description {
                    $crate::guest::describe(<$component as $crate::Formatter>::ABOUT)
                }

                fn configure(text: $crate::__private::String) -> Result<(), $crate::__private::String> {
                    $crate::guest::configure(&SLOT, &text, <$component as $crate::Formatter>::configure)
                }

                fn format(
                    batch: $crate::guest::types::Batch,
                    limits: $crate::guest::types::Limits,
                ) -> Result<$crate::guest::types::Payloads, $crate::__private::String> {
                    $crate::guest::format(&SLOT, batch, limits)
                }
            }

            $crate::guest::formatter::export_world_formatter!(Exported with_types_in $crate::guest::formatter);
        };
    };
}
