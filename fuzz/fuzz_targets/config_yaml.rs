//! Parsing of a configuration never panics and stays within its bounds, and everything it returns is in the text.
#![no_main]

use std::collections::HashSet;

use insightd_yaml::{Data, Node};
use libfuzzer_sys::fuzz_target;

/// The parser's bound: bytes of all values, aliases counted at each use.
const MAX_BYTES: usize = 4 << 20;
const MAX_DEPTH: usize = 64;

fuzz_target!(|text: &str| {
    let lines = text.split(['\n', '\r']).count();
    match insightd_yaml::parse(text) {
        Ok(Some(root)) => {
            let mut bytes = 0;
            walk(&root, 0, lines, &mut bytes);
            assert!(bytes <= MAX_BYTES);
            // A component's configuration is passed on as JSON: quotes, commas and escapes at most double it.
            assert!(root.to_json().to_string().len() <= 2 * MAX_BYTES);
        }
        Ok(None) => {}
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(error.at.line <= lines + 1, "line {} of {lines}", error.at.line);
        }
    }
});

fn walk(node: &Node, depth: usize, lines: usize, bytes: &mut usize) {
    assert!(depth <= MAX_DEPTH);
    assert!(node.at.line <= lines + 1);
    match &node.data {
        Data::Scalar { text, .. } => *bytes += text.len(),
        Data::Sequence(items) => items.iter().for_each(|item| walk(item, depth + 1, lines, bytes)),
        Data::Mapping(entries) => {
            let mut keys = HashSet::new();
            for entry in entries {
                assert!(keys.insert(&entry.key), "`{}` twice", entry.key);
                *bytes += entry.key.len();
                walk(&entry.value, depth + 1, lines, bytes);
            }
        }
    }
}
