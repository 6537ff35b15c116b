//! A spool segment: anyone who can write to the directory, and any faulty disk, determines its bytes.
//!
//! The input is read twice: unchanged, and with a valid file header and valid checksums for all records of a possible
//! length, written by separate code that follows the format. The expected result is then known.
#![no_main]

use insightd_spool::{MAX_BODY_BYTES, MAX_KEY_BYTES, read_segment};
use libfuzzer_sys::fuzz_target;

const SEGMENT: u64 = 0x1234;

/// Events, time, key and body of each pending record.
type Records = Vec<(u32, u64, Vec<u8>, Vec<u8>)>;

fuzz_target!(|bytes: &[u8]| {
    let found = read_segment(SEGMENT, bytes);
    let length: usize = found.iter().map(|block| 32 + block.key.len() + block.body.len()).sum();
    assert!(length <= bytes.len());

    let mut repaired = bytes.to_vec();
    let expected = repair(&mut repaired);
    let found: Records = read_segment(SEGMENT, &repaired)
        .into_iter()
        .map(|block| (block.events, block.time_unix_ms, block.key, block.body))
        .collect();
    assert_eq!(found, expected);
});

fn repair(bytes: &mut [u8]) -> Records {
    let mut records = Records::new();
    let Some(header) = bytes.get_mut(..24) else { return records };
    header[..8].copy_from_slice(b"insspool");
    header[8..12].copy_from_slice(&1_u32.to_le_bytes());
    header[12..20].copy_from_slice(&SEGMENT.to_le_bytes());
    let crc = crc32fast::hash(&header[..20]);
    header[20..24].copy_from_slice(&crc.to_le_bytes());
    let mut at = 24;
    while let Some(record) = bytes.get_mut(at..).filter(|rest| rest.len() >= 32) {
        let number = |from: usize| u32::from_le_bytes(record[from..from + 4].try_into().expect("four bytes"));
        let (low, high, events) = (number(8), number(12), number(16));
        let done = number(0).count_ones() >= 16;
        // A fuzzer hardly ever finds valid lengths by itself.
        let (key, body) = (number(20) as usize & 0x1ff, number(24) as usize & 0x3ff);
        assert!(key <= MAX_KEY_BYTES && body <= MAX_BODY_BYTES);
        record[20..24].copy_from_slice(&(key as u32).to_le_bytes());
        record[24..28].copy_from_slice(&(body as u32).to_le_bytes());
        let payload = record.get(32..32 + key + body).map(<[u8]>::to_vec);
        if let Some(payload) = &payload {
            record[28..32].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
        }
        let mut bound = SEGMENT.to_le_bytes().to_vec();
        bound.extend_from_slice(&(at as u64).to_le_bytes());
        bound.extend_from_slice(&record[8..32]);
        record[4..8].copy_from_slice(&crc32fast::hash(&bound).to_le_bytes());
        let Some(mut payload) = payload else { break };
        if !done {
            let body = payload.split_off(key);
            records.push((events, u64::from(low) | u64::from(high) << 32, payload, body));
        }
        at += 32 + key + body;
    }
    records
}
