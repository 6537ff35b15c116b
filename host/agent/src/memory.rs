//! Return of unused memory to the system.

#![allow(unsafe_code, reason = "malloc_trim has no safe form")]

/// Returns free memory of the allocator to the system. A tick needs megabytes for some milliseconds, which would
/// otherwise stay resident until the next tick. Has an effect with glibc only.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim may be called at any time from any thread; it takes the allocator's own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
