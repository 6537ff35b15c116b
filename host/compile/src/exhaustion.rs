//! Ends the program with an exit code of its own when memory runs out, so that the agent need not read its words.

use std::alloc::{GlobalAlloc, Layout, System};

/// Exit code when the address space that was granted is used up: `EX_OSERR` of `sysexits.h`.
pub(crate) const EXIT_CODE: u8 = 71;

/// The system's allocator, which ends the program where it would return null.
///
/// Compiling has no smaller way to go on, and the standard library's own handler may look for a backtrace, with system
/// calls that the filter forbids.
pub(crate) struct ExitWhenExhausted;

// SAFETY: every call is the system allocator's; a null pointer, which callers would have to expect, never returns.
unsafe impl GlobalAlloc for ExitWhenExhausted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system allocator.
        check(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        check(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: as above.
        check(unsafe { System.realloc(pointer, layout, new_size) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn check(pointer: *mut u8) -> *mut u8 {
    if pointer.is_null() {
        exit();
    }
    pointer
}

/// Ends the program at once: nothing allocates, nothing is flushed.
pub(crate) fn exit() -> ! {
    // SAFETY: `_exit` takes any number and does not return.
    unsafe { libc::_exit(EXIT_CODE.into()) }
}
