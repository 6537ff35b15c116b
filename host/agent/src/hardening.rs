//! Protects the memory of the process, which holds tokens, credentials and the state of components.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Disables core dumps of this process and of those that it starts, and keeps other processes of this user from reading
/// its memory. The resource limit (`RLIMIT_CORE`) is inherited; a program that is executed later can be traced again,
/// since `execve` resets the dumpable flag.
///
/// # Errors
/// Fails if the kernel refuses.
pub fn keep_memory_private() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // A `core_pattern` with a pipe ignores the limit.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn nothing_is_dumped() {
        keep_memory_private().unwrap();
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        keep_memory_private().unwrap();
    }
}
