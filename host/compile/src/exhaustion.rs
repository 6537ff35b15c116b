//! Exits with a dedicated code when memory runs out, so that the agent does not have to parse error text.

use std::alloc::{GlobalAlloc, Layout, System};

/// Exit code if the granted address space is used up: `EX_OSERR` of `sysexits.h`.
pub(crate) const EXIT_CODE: u8 = 71;

/// The system allocator, except that it exits where that one returns null.
///
/// Compiling cannot continue with less memory, and the standard library's handler may print a backtrace, with system calls
/// that the filter forbids.
pub(crate) struct ExitWhenExhausted;

// SAFETY: every call is forwarded to the system allocator; a null pointer, which callers have to handle, is never returned.
unsafe impl GlobalAlloc for ExitWhenExhausted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract of the system allocator.
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

/// Exits at once, without allocating or flushing anything.
pub(crate) fn exit() -> ! {
    // SAFETY: `_exit` takes any number and does not return.
    unsafe { libc::_exit(EXIT_CODE.into()) }
}
