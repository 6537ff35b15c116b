//! The state file: anyone who can write to the directory, and any faulty disk, determines its bytes.
//!
//! The input is read twice: unchanged, and with valid magic, version and checksum. An accepted state is written like the next
//! commit; the result is not longer, and reads back as the same state.
#![no_main]

use insightd_state::rewrite;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let mut repaired = bytes.to_vec();
    let Some(end) = repaired.len().checked_sub(4).filter(|end| *end >= 12) else { return };
    repaired[..8].copy_from_slice(b"insstate");
    repaired[8..12].copy_from_slice(&1_u32.to_le_bytes());
    let sum = crc32fast::hash(&repaired[..end]);
    repaired[end..].copy_from_slice(&sum.to_le_bytes());
    check(&repaired);
});

fn check(bytes: &[u8]) {
    let Some(written) = rewrite(bytes) else { return };
    assert!(written.len() <= bytes.len(), "writing does not grow the file");
    assert_eq!(rewrite(&written).as_deref(), Some(&*written));
}
