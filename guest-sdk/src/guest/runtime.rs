//! Runtime of components without `std`: allocator, panic handler, the C functions that compiled code calls, and the
//! function with which the host allocates memory for arguments.
#![allow(unsafe_code, reason = "raw memory is what this module is about")]

use alloc::alloc::{alloc, realloc};
use core::alloc::Layout;
use core::arch::wasm32::unreachable;
use core::panic::PanicInfo;

use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

use crate::log::{self, Level};

#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();

/// Logs only that the component panicked. The message would link the formatting machinery of the standard library into
/// each component, and the location would add the table of all locations: together a tenth of its size. Golden cases
/// also run natively, where a panic shows both.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    log::write(Level::Error, "panicked");
    unreachable()
}

/// Implements the canonical ABI's `realloc`: the host calls it for memory that holds arguments.
///
/// # Safety
/// Required by the canonical ABI: `old` is null or was returned here for that length and alignment; `align` is a power
/// of two.
#[unsafe(export_name = "cabi_realloc")]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, new_len: usize) -> *mut u8 {
    let memory = if old_len == 0 {
        if new_len == 0 {
            return core::ptr::without_provenance_mut(align);
        }
        // SAFETY: `align` is a power of two and the length is not 0. The allocator refuses a length that overflows when
        // rounded up to the alignment, as it does not fit a 32-bit memory either.
        unsafe { alloc(Layout::from_size_align_unchecked(new_len, align)) }
    } else {
        // SAFETY: `old` was allocated here with the same layout.
        unsafe { realloc(old, Layout::from_size_align_unchecked(old_len, align), new_len) }
    };
    if memory.is_null() {
        unreachable()
    }
    memory
}

/// Implements C's `memcmp`, which compiler-builtins leaves to libc on this target. Compares eight bytes at a time while
/// they are equal, because strings of a batch often share a prefix.
///
/// # Safety
/// Both pointers must be readable for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    let mut at = 0;
    while at + 8 <= len {
        // SAFETY: eight bytes from `at` lie within `len`.
        let words = unsafe {
            (left.add(at).cast::<u64>().read_unaligned(), right.add(at).cast::<u64>().read_unaligned())
        };
        if words.0 != words.1 {
            break;
        }
        at += 8;
    }
    while at < len {
        // SAFETY: `at` is less than `len`.
        let bytes = unsafe { (left.add(at).read(), right.add(at).read()) };
        if bytes.0 != bytes.1 {
            return i32::from(bytes.0) - i32::from(bytes.1);
        }
        at += 1;
    }
    0
}

/// Implements C's `bcmp`, to which the compiler lowers comparisons for equality.
///
/// # Safety
/// Same as for [`memcmp`].
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's contract is the same.
    unsafe { memcmp(left, right, len) }
}
