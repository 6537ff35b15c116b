//! Objects of counts.

use serde::de::MapAccess;

use crate::json::{Key, Record, Value};

/// Counts of an object, in the order of their names.
pub(super) struct Counts<const N: usize>(pub(super) [Option<u64>; N]);

impl<const N: usize> Default for Counts<N> {
    fn default() -> Self {
        Self([None; N])
    }
}

impl<const N: usize> Counts<N> {
    /// Returns the record that reads the counts with these names.
    pub(super) fn named(&mut self, names: [&'static str; N]) -> NamedCounts<'_, N> {
        NamedCounts { names, counts: &mut self.0 }
    }
}

/// A record of counts.
pub(super) struct NamedCounts<'c, const N: usize> {
    names: [&'static str; N],
    counts: &'c mut [Option<u64>; N],
}

impl<const N: usize> Record for NamedCounts<'_, N> {
    fn field<'de, A: MapAccess<'de>>(&mut self, key: &Key, value: Value<'_, A>) -> Result<(), A::Error> {
        let mut fields = self.names.iter().zip(self.counts.iter_mut());
        if let Some((_, count)) = fields.find(|(name, _)| **name == key.lower()) {
            *count = value.count()?;
        }
        Ok(())
    }
}
