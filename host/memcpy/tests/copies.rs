//! Copies of all short lengths, at all alignments and overlaps, against a copy byte by byte.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use insightd_memcpy as _;

unsafe extern "C" {
    fn insightd_memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
}

/// Bytes around each copy that must stay as they are.
const MARGIN: usize = 80;

/// Returns `count` bytes, no two neighbouring runs alike.
fn pattern(count: usize) -> Vec<u8> {
    (0..count as u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Copies within one buffer, and compares the whole buffer with what a copy byte by byte makes of it.
fn check(memory: &mut [u8], from: usize, to: usize, length: usize) {
    let mut expected = memory.to_vec();
    let copied: Vec<u8> = memory[from..from + length].to_vec();
    for (at, byte) in copied.into_iter().enumerate() {
        expected[to + at] = byte;
    }
    let start = memory.as_mut_ptr();
    // SAFETY: the slices above have checked that both ranges lie in the buffer.
    let (returned, at) = unsafe {
        let at = start.add(to);
        (insightd_memmove(at, start.add(from), length), at)
    };
    assert_eq!(returned, at, "{length} bytes from {from} to {to}: returns its first argument");
    assert!(memory == expected, "{length} bytes from {from} to {to}");
}

#[test]
fn separate_ranges_of_all_lengths_and_alignments() {
    for length in (0..=300).chain([511, 512, 513, 4095, 4096, 4097, 70_001]) {
        for from in 0..17 {
            for to in 0..17 {
                let mut memory = pattern(2 * (MARGIN + length) + 64);
                check(&mut memory, from, MARGIN + length + to, length);
            }
        }
    }
}

#[test]
fn overlapping_ranges_in_both_directions() {
    for length in (0..=300).step_by(3).chain([511, 4097]) {
        for start in [MARGIN, MARGIN + 7] {
            for distance in (0..=80).chain([127, 128, 129, 200]) {
                let mut memory = pattern(start + length + 200 + MARGIN);
                check(&mut memory, start, start + distance, length);
                let mut memory = pattern(start + length + 200 + MARGIN);
                check(&mut memory, start + distance, start, length);
            }
        }
    }
}

/// The C library's names lead to the same code in a static program.
#[cfg(target_env = "musl")]
#[test]
fn the_c_library_has_no_other() {
    unsafe extern "C" {
        fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
        fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8;
    }
    let ours = insightd_memmove as *const ();
    assert_eq!([memcpy as *const (), memmove as *const ()], [ours; 2]);
}
