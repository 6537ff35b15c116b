//! Keeps the memory of the process its own: tokens, credentials and what components remember are in it.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Has no crash write the memory of this process, or of those that it starts, to a disk, and no other process of this user
/// read it. A program that is executed later may be traced again, and is still under the limit.
///
/// # Errors
/// The kernel refused.
pub fn keep_memory_private() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // A `core_pattern` with a pipe gets a dump whatever the limit is.
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
