//! Walks protobuf messages without generated code: `cost` needs the lengths of their parts more than their values.

use insights_batch::protobuf::{Fields, Malformed, Value};

/// Returns the contents of the fields of a number that are strings, bytes or messages, in their order.
///
/// # Errors
/// [`Malformed`] if any field of the message is malformed.
pub(super) fn parts(message: &[u8], number: u64) -> Result<Vec<&[u8]>, Malformed> {
    let mut parts = Vec::new();
    for field in Fields::new(message) {
        if let (found, Value::Bytes(content)) = field?
            && found == number
        {
            parts.push(content);
        }
    }
    Ok(parts)
}

/// Returns the text of the last field of a number; empty if there is none.
///
/// # Errors
/// [`Malformed`] if a field is malformed, or the text is not UTF-8.
pub(super) fn text(message: &[u8], number: u64) -> Result<&str, Malformed> {
    let last = parts(message, number)?.pop().unwrap_or_default();
    std::str::from_utf8(last).map_err(|_| Malformed)
}

/// Returns the length of a part with its tag and length, for field numbers below 16.
pub(super) fn encoded(part: &[u8]) -> u64 {
    let bits = u64::from(usize::BITS - (part.len() | 1).leading_zeros());
    1 + bits.div_ceil(7) + part.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_among_fields_of_all_types() {
        let message =
            [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x12, 0];
        assert_eq!(parts(&message, 2), Ok(vec![&b"hi"[..], b""]));
        assert_eq!((parts(&message, 1), parts(&message, 5)), (Ok(vec![]), Ok(vec![])));
        assert_eq!((text(&message[..7], 2), text(&message, 9)), (Ok("hi"), Ok("")));
    }

    #[test]
    fn malformed_messages_are_no_messages() {
        for message in
            [&[0x08][..], &[0x12, 5, b'x'], &[0x0b, 1], &[0xff; 20], &[0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]]
        {
            assert_eq!(parts(message, 2), Err(Malformed), "{message:?}");
        }
        assert_eq!(text(&[0x12, 1, 0xff], 2), Err(Malformed));
    }

    #[test]
    fn lengths_are_those_of_the_encoding() {
        for (length, expected) in [(0, 2), (127, 129), (128, 131), (16_383, 16_386), (16_384, 16_388)] {
            assert_eq!(encoded(&vec![0; length]), expected, "{length}");
        }
    }
}
