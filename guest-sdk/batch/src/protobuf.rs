//! Reads and [writes](mod@write) protobuf messages field by field, without their schema: the few messages that components and the
//! host know are not worth generated code.

pub mod write;

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'m> {
    /// An integer of variable length.
    Varint(u64),
    /// A number of 8 bytes, as its bits.
    Fixed64(u64),
    /// A number of 4 bytes, as its bits.
    Fixed32(u32),
    /// A string, bytes or a message.
    Bytes(&'m [u8]),
}

/// The message ends within a field, or has a field of an unknown type or without a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Iterates over the fields of a message, with their numbers. Ends after the first malformed field.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'m>(&'m [u8]);

impl<'m> Fields<'m> {
    /// Returns the fields of a message.
    pub fn new(message: &'m [u8]) -> Self {
        Self(message)
    }

    fn field(&mut self) -> Option<(u64, Value<'m>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        (tag >> 3 != 0).then_some((tag >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

/// Iterates over the numbers of a packed field. Ends at the first malformed one.
#[derive(Clone, Copy, Debug)]
pub struct Varints<'m>(Fields<'m>);

impl<'m> Varints<'m> {
    /// Returns the numbers of a packed field with this content.
    pub fn new(content: &'m [u8]) -> Self {
        Self(Fields(content))
    }
}

impl Iterator for Varints<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0.varint()
    }
}

impl<'m> Iterator for Fields<'m> {
    type Item = Result<(u64, Value<'m>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn fields_of_all_types() {
        let message = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0];
        let fields: Result<Vec<_>, _> = Fields::new(&message).collect();
        let expected = [
            (1, Value::Varint(150)),
            (2, Value::Bytes(b"hi")),
            (3, Value::Fixed32(1)),
            (4, Value::Fixed64(2)),
        ];
        assert_eq!(fields.as_deref(), Ok(&expected[..]));
        assert_eq!(Fields::new(&[]).count(), 0);
    }

    /// The packed field of the encoding guide.
    #[test]
    fn packed_numbers() {
        let numbers = |content: &[u8]| Varints::new(content).collect::<Vec<_>>();
        assert_eq!(numbers(&[0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]), [3, 270, 86_942]);
        assert_eq!(numbers(&[7, 0x80]), [7]);
        assert_eq!(numbers(&[]), [0; 0]);
    }

    #[test]
    fn malformed_messages_end_with_an_error() {
        for message in [
            &[0x08][..],
            &[0x12, 5, b'x'],
            &[0x0b, 1],
            &[0x02, 0],
            &[0xff; 20],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0x0f],
        ] {
            assert_eq!(Fields::new(message).collect::<Vec<_>>(), [Err(Malformed)], "{message:?}");
        }
        let cut = [0x08, 1, 0x12, 9, b'x'];
        assert_eq!(Fields::new(&cut).collect::<Vec<_>>(), [Ok((1, Value::Varint(1))), Err(Malformed)]);
    }
}
