//! A compressed list of the API server: decoded in small pieces of any size, with the same result as another decoder.
#![no_main]

use std::io::Read;

use flate2::read::GzDecoder;
use insightd_kubernetes::fuzzing::gunzip;
use libfuzzer_sys::fuzz_target;

/// Maximum bytes that one input may decode to.
const MOST: usize = 16 << 20;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let Ok((decoded, largest)) = gunzip(bytes, usize::from(size) + 1, MOST) else { return };
    assert!(largest <= 64 * 1024, "{largest}");
    let mut expected = Vec::new();
    GzDecoder::new(bytes)
        .take(MOST as u64)
        .read_to_end(&mut expected)
        .expect("both decoders accept the same input");
    assert_eq!(decoded, expected);
});
