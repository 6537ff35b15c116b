//! A fast hash for tables whose keys are bounded by the agent.

use core::hash::{Hash, Hasher};

/// Multiply-and-rotate hash over 8-byte words. Not for keys that an attacker may choose without bound; the string table
/// of a batch is bounded in bytes before it is hashed.
#[derive(Clone, Copy, Debug, Default)]
pub struct FxHasher(u64);

const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;

impl Hasher for FxHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            let mut buffer = [0; 8];
            buffer.copy_from_slice(word);
            self.write_u64(u64::from_le_bytes(buffer));
        }
        let mut rest = [0; 8];
        let tail = words.remainder();
        rest[..tail.len()].copy_from_slice(tail);
        self.write_u64(u64::from_le_bytes(rest) ^ ((tail.len() as u64) << 56));
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(FACTOR);
    }

    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

/// Returns the [`FxHasher`] hash of a value.
pub(crate) fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}
