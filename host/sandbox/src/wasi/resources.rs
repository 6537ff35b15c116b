//! Types behind the handles that a guest may hold. None has any state: a handle's number says all.

use wasmtime::component::{Resource, ResourceType};

macro_rules! resources {
    ($($name:literal $type:ident),* $(,)?) => {
        $(
            #[doc = concat!("`", $name, "`.")]
            pub(super) enum $type {}
        )*

        /// The type of the resource of this name. Those that nobody can get are all of one type.
        pub(super) fn of(name: &str) -> ResourceType {
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

/// Handle numbers of output streams.
pub(super) const STDOUT: u32 = 1;
pub(super) const STDERR: u32 = 2;

/// A handle where the number does not matter.
pub(super) fn any<T: 'static>() -> Resource<T> {
    Resource::new_own(0)
}
