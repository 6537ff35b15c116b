//! Writes protobuf messages: fields appended to a buffer, in the wire format.

use alloc::vec::Vec;

/// Wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;

/// Appends a number as a varint.
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a field of type `uint64`, `bool` or `enum`.
pub fn uint(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3 | VARINT);
    varint(out, value);
}

/// Appends a field of type `fixed64`.
pub fn fixed(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3 | FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a field of type `double`.
pub fn double(out: &mut Vec<u8>, field: u64, value: f64) {
    fixed(out, field, value.to_bits());
}

/// Appends the key and the length of a field whose content has `length` bytes and follows.
pub fn length(out: &mut Vec<u8>, field: u64, length: usize) {
    varint(out, field << 3 | LENGTH);
    varint(out, length as u64);
}

/// Appends a field of type `string`, `bytes`, or a message.
pub fn bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    length(out, field, content.len());
    out.extend_from_slice(content);
}

/// Returns the bytes of a varint.
pub const fn varint_length(value: usize) -> usize {
    let (mut value, mut length) = (value, 1);
    while value >= 0x80 {
        value >>= 7;
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes from the encoding guide of protobuf, and by hand.
    #[test]
    fn wire_format() {
        let mut out = Vec::new();
        uint(&mut out, 1, 150);
        assert_eq!(out, [0x08, 0x96, 0x01]);
        out.clear();
        bytes(&mut out, 2, b"testing");
        assert_eq!(out, [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        out.clear();
        double(&mut out, 4, 1.0);
        assert_eq!(out, [0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        out.clear();
        varint(&mut out, u64::MAX);
        assert_eq!(out.len(), 10);
    }

    #[test]
    fn lengths_of_varints() {
        for value in [0_usize, 1, 127, 128, 16_383, 16_384, 1 << 31] {
            let mut out = Vec::new();
            varint(&mut out, value as u64);
            assert_eq!(varint_length(value), out.len(), "{value}");
        }
    }
}
