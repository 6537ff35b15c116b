//! Types of the handles that a guest may hold. They have no state: the handle's number identifies them.

use wasmtime::component::{Resource, ResourceType};

macro_rules! resources {
    ($($name:literal $type:ident),* $(,)?) => {
        $(
            #[doc = concat!("`", $name, "`.")]
            pub(super) enum $type {}
        )*

        /// Returns the type of the resource with this name. All resources that no guest can obtain share one type.
        pub(super) fn resource_type(name: &str) -> ResourceType {
            match name {
                $($name => ResourceType::host::<$type>(),)*
                _ => ResourceType::host::<()>(),
            }
        }
    };
}

resources! {
    "error" IoError,
    "pollable" Pollable,
    "input-stream" InputStream,
    "output-stream" OutputStream,
    "terminal-input" TerminalInput,
    "terminal-output" TerminalOutput,
    "descriptor" Descriptor,
}

/// Handle numbers of the output streams.
pub(super) const STDOUT: u32 = 1;
pub(super) const STDERR: u32 = 2;

/// Returns a handle whose number is irrelevant.
pub(super) fn any<T: 'static>() -> Resource<T> {
    Resource::new_own(0)
}
