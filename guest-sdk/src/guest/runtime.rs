//! What a component without `std` must bring itself: allocator, panic handler, the C functions that the compiler calls
//! and the function through which the host puts arguments into its memory.
#![allow(unsafe_code, reason = "raw memory is what this module is about")]

use alloc::alloc::{alloc, realloc};
use core::alloc::Layout;
use core::arch::wasm32::unreachable;
use core::panic::PanicInfo;

use talc::wasm::{WasmDynamicTalc, new_wasm_dynamic_allocator};

use crate::log::{self, Level};

#[global_allocator]
static ALLOCATOR: WasmDynamicTalc = new_wasm_dynamic_allocator();

/// Says that, not what or where. The message brings the formatting machinery of the standard library into each component,
/// the place the table of all places: together a tenth of its size. Golden cases run natively as well, and say both.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    log::write(Level::Error, "panicked");
    unreachable()
}

/// Called by the host: memory for what it passes in, of the canonical ABI's `realloc`.
///
/// # Safety
/// As the canonical ABI says: `old` is null, or came from here with that length and alignment; `align` is a power of two.
#[unsafe(export_name = "cabi_realloc")]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, new_len: usize) -> *mut u8 {
    let memory = if old_len == 0 {
        if new_len == 0 {
            return core::ptr::without_provenance_mut(align);
        }
        // SAFETY: `align` is a power of two and the length is not 0; a length that overflows when rounded up to the
        // alignment does not fit a 32-bit memory either, and the allocator refuses it.
        unsafe { alloc(Layout::from_size_align_unchecked(new_len, align)) }
    } else {
        // SAFETY: `old` was allocated here with this very layout.
        unsafe { realloc(old, Layout::from_size_align_unchecked(old_len, align), new_len) }
    };
    if memory.is_null() {
        unreachable()
    }
    memory
}

/// C's `memcmp`: on this target the compiler's own library leaves it to libc. Words of eight bytes while they are equal,
/// as strings of a batch often share their start.
///
/// # Safety
/// Both point to `len` readable bytes.
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

/// C's `bcmp`, what the compiler makes of a comparison for equality.
///
/// # Safety
/// As for [`memcmp`].
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    // SAFETY: the caller's promise is the same.
    unsafe { memcmp(left, right, len) }
}
