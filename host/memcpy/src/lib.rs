//! `memcpy` and `memmove` of C for x86-64, in place of musl's.
//!
//! musl copies with one string instruction (`rep movsq`), which takes tens of nanoseconds to begin, and copies overlapping memory byte by
//! byte. Most copies of a tick are keys and values of 5 to 60 bytes. A program linked against musl that names this crate
//! (`use insightd_memcpy as _;`) has its functions instead; everywhere else the crate does nothing but pass its tests. See
//! docs/decisions/044-memcpy.md.
#![no_std]

/// Defines the C library's symbols at the place where the function begins.
#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "musl"))]
macro_rules! names {
    () => {
        ".globl memcpy\n.globl memmove\nmemcpy:\nmemmove:"
    };
}

/// Defines no symbol: the C library's functions are fast.
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(target_env = "musl")))]
macro_rules! names {
    () => {
        ""
    };
}

// Assembly, because the compiler may replace a loop that copies by a call of `memcpy`, here by an endless recursion.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
core::arch::global_asm!(
    ".pushsection .text.insightd_memmove,\"ax\",@progbits",
    ".p2align 6",
    ".globl insightd_memmove",
    ".hidden insightd_memmove",
    names!(),
    include_str!("x86_64.s"),
    ".popsection",
);
