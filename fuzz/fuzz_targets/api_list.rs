//! A list of the API server: split at any point, it gives the same objects; for well-formed input, those of a JSON parser.
#![no_main]

use insightd_kubernetes::fuzzing::list;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let found = list(bytes, usize::from(size) + 1);
    assert_eq!(found, list(bytes, bytes.len().max(1)));
    let Ok(Value::Object(document)) = serde_json::from_slice::<Value>(bytes) else { return };
    let Ok((objects, version, _)) = found else { return };
    // A parser keeps the last of several values of a key, and decodes escapes in keys.
    let text = String::from_utf8_lossy(bytes);
    if text.matches("metadata").count() != 1 || text.contains("\\u") {
        return;
    }
    assert_eq!(document["metadata"]["resourceVersion"], Value::String(version));
    let items = document.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let objects: Vec<Value> = objects
        .iter()
        .map(|object| {
            serde_json::from_slice(object.as_deref().expect("small")).expect("part of a good document")
        })
        .collect();
    assert_eq!(objects, items);
});
