//! The macros that make a component of a type.

/// Makes the type, a [`Transform`](crate::Transform), the component's only export. Off WebAssembly it does nothing, so
/// that the same crate is tested natively.
#[macro_export]
macro_rules! export_transform {
    ($component:ty) => {};
}

/// Makes the type, a [`Formatter`](crate::Formatter), the component's only export. Off WebAssembly it does nothing.
#[macro_export]
macro_rules! export_formatter {
    ($component:ty) => {};
}
