//! The SDK's checked-in bindings against the contract in `wit/`, by their hashes. `tests/bindings` compares every byte, but
//! builds the generator for that, which takes a minute.

use std::fs;

use insightd_tests::top;
use sha2::{Digest, Sha256};

#[test]
fn the_bindings_are_those_of_the_contract() {
    let sums = fs::read_to_string(top().join("tests/bindings/SHA256SUMS")).expect("the list of hashes");
    let mut names = Vec::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").expect("a hash and a file");
        let found = Sha256::digest(fs::read(top().join(name)).unwrap_or_default());
        assert!(format!("{found:x}") == sum, "{name} is not that of the bindings: run `make bindings`");
        names.push(name.to_owned());
    }
    for directory in ["wit", "guest-sdk/src/guest/bindings"] {
        for entry in fs::read_dir(top().join(directory)).expect("a directory") {
            let name = format!("{directory}/{}", entry.expect("a file").file_name().display());
            assert!(names.contains(&name), "{name} is new: run `make bindings`");
        }
    }
}
