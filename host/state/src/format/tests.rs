#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::{ProptestConfig, any, proptest};

use super::{InvalidState, Spaces, read, write};
use crate::space::{SpaceId, StoredSpace};

fn bytes(spaces: &Spaces) -> Vec<u8> {
    let mut out = Vec::new();
    write(spaces, &mut out).unwrap();
    out
}

fn some() -> Spaces {
    let kept = |entries: &[(&str, &str)]| StoredSpace {
        space: Arc::new(entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect()),
        since_ms: 1,
        written_ms: 0x0102_0304_0506,
        ..StoredSpace::default()
    };
    [
        (SpaceId::new("a", "node", "n"), kept(&[("k", "v"), ("", "")])),
        (SpaceId::new("b", "node", "n"), kept(&[])),
    ]
    .into()
}

#[test]
fn the_encoding_matches_the_documentation_byte_for_byte() {
    let mut expected = b"insstate\x01\0\0\0\x01\0\0\0\x01\0\0\0a\x06\0\0\0node/n".to_vec();
    expected.extend(b"\x01\0\0\0\0\0\0\0\x06\x05\x04\x03\x02\x01\0\0\x02\0\0\0");
    expected.extend(b"\0\0\0\0\0\0\0\0\x01\0\0\0k\x01\0\0\0v");
    let sum = crc32fast::hash(&expected);
    expected.extend(sum.to_le_bytes());
    assert_eq!(bytes(&some()), expected);
    let mut read = read(&expected).unwrap();
    read.insert(SpaceId::new("b", "node", "n"), some().pop_last().unwrap().1);
    assert_eq!(read, some(), "but for the empty one");
}

#[test]
fn every_changed_byte_and_every_truncation_is_detected() {
    let good = bytes(&some());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        let error = read(&bad).unwrap_err();
        assert_eq!(error == InvalidState::Damaged, !(8..12).contains(&at), "byte {at}: {error}");
        assert_eq!(read(&good[..at]).unwrap_err(), InvalidState::Damaged, "cut at {at}");
    }
    let mut longer = good;
    longer.push(0);
    assert_eq!(read(&longer).unwrap_err(), InvalidState::Damaged);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The checksum is valid here, so that the parser sees wrong lengths.
    #[test]
    fn arbitrary_bytes_never_panic(at in 12_usize..80, to in vec(any::<u8>(), 1..8), cut in 0_usize..90) {
        let mut bad = bytes(&some());
        bad.truncate(bad.len() - 4);
        let end = bad.len().min(at + to.len());
        if at < end {
            bad[at..end].copy_from_slice(&to[..end - at]);
        }
        bad.truncate(cut.max(12));
        let sum = crc32fast::hash(&bad);
        bad.extend(sum.to_le_bytes());
        let _ = read(&bad);
    }

    #[test]
    fn written_spaces_are_read_back(entries in btree_map(".{0,9}", vec(any::<u8>(), 0..30), 1..9)) {
        let kept = StoredSpace { space: Arc::new(entries.into_iter().collect()), ..StoredSpace::default() };
        let spaces = Spaces::from([(SpaceId::new("ä", "node", ""), kept)]);
        assert_eq!(read(&bytes(&spaces)).unwrap(), spaces);
    }
}
