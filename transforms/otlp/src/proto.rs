//! Attributes of OTLP, beside the fields of any protobuf message.

use alloc::vec::Vec;

pub(crate) use insights_sdk::protobuf::write::{bytes, double, fixed, length, uint, varint_length};

/// Appends a field of type `KeyValue` whose value is a string.
pub(crate) fn attribute(out: &mut Vec<u8>, field: u64, prefix: &str, key: &str, value: &str) {
    let value_length = 1 + varint_length(value.len()) + value.len();
    let key_length = prefix.len() + key.len();
    length(
        out,
        field,
        1 + varint_length(key_length) + key_length + 1 + varint_length(value_length) + value_length,
    );
    length(out, 1, key_length);
    out.extend_from_slice(prefix.as_bytes());
    out.extend_from_slice(key.as_bytes());
    length(out, 2, value_length);
    bytes(out, 1, value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, from the encoding guide of protobuf.
    #[test]
    fn an_attribute() {
        let mut out = Vec::new();
        attribute(&mut out, 7, "p.", "k", "v");
        assert_eq!(out, [0x3a, 0x0a, 0x0a, 0x03, b'p', b'.', b'k', 0x12, 0x03, 0x0a, 0x01, b'v']);
    }
}
