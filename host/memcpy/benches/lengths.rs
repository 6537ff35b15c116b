//! Copies of different lengths against musl's way, both in this process: nanoseconds of one copy and their ratio.
//!
//! `cargo bench -p insightd-memcpy`
#![allow(clippy::unwrap_used, reason = "a bench")]

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() {
    use std::hint::black_box;
    use std::time::Instant;

    use insightd_memcpy as _;

    unsafe extern "C" {
        fn insightd_memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
    }

    /// Copies as musl 1.2.5 does: whole words with one string instruction, the rest byte by byte.
    ///
    /// # Safety
    /// As for `memcpy`.
    unsafe extern "C" fn words(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
        // SAFETY: the caller's contract; the direction flag is clear by the calling convention.
        unsafe {
            core::arch::asm!(
                "cmp rdx, 8", "jb 3f", "test edi, 7", "jz 3f",
                "2:", "movsb", "dec rdx", "test edi, 7", "jnz 2b",
                "3:", "mov rcx, rdx", "shr rcx, 3", "rep movsq", "and edx, 7", "jz 5f",
                "4:", "movsb", "dec edx", "jnz 4b", "5:",
                inout("rdi") to => _, inout("rsi") from => _, inout("rdx") length => _, out("rcx") _,
                options(nostack),
            );
        }
        to
    }

    type Copy = unsafe extern "C" fn(*mut u8, *const u8, usize) -> *mut u8;
    const ROUNDS: usize = 15;

    println!("{:>9} {:>10} {:>10} {:>7}", "bytes", "ours, ns", "musl's, ns", "ratio");
    for length in [1, 5, 8, 13, 16, 24, 40, 64, 100, 128, 256, 1000, 4096, 65_536] {
        let (from, mut to) = (vec![7_u8; length + 64], vec![0_u8; length + 64]);
        let copies = 2_000_000 / (length + 20) + 10;
        let mut time = |copy: Copy| {
            let mut times: Vec<f64> = (0..ROUNDS)
                .map(|_| {
                    let began = Instant::now();
                    for number in 0..copies {
                        // SAFETY: both buffers are 64 bytes longer than the copy; the offsets are below 17.
                        let end = unsafe {
                            copy(
                                to.as_mut_ptr().add(number % 17),
                                from.as_ptr().add(number % 13),
                                black_box(length),
                            )
                        };
                        black_box(end);
                    }
                    began.elapsed().as_nanos() as f64 / copies as f64
                })
                .collect();
            times.sort_by(f64::total_cmp);
            times[ROUNDS / 2]
        };
        let (ours, theirs) = (time(insightd_memmove), time(words));
        println!("{length:>9} {ours:>10.1} {theirs:>10.1} {:>6.2}x", theirs / ours);
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() {
    println!("SKIPPED: this machine keeps its C library's functions");
}
