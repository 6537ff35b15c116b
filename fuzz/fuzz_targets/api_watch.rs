//! Lines of a watch: split at any point, they equal the lines of the whole input.
#![no_main]

use insightd_kubernetes::fuzzing::lines;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let found = lines(bytes, usize::from(size) + 1);
    // The text after the last line feed is an incomplete event.
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
    let expected = whole.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let expected: Vec<Option<Vec<u8>>> = expected.map(|line| Some(line.to_vec())).collect();
    assert_eq!(found, Ok(expected));
});
