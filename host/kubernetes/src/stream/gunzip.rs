//! Decompression of responses, piece by piece.

use std::io::{self, Write};

use flate2::write::GzDecoder;

/// A gzip decoder. Holds the decoder's window and at most the output of one step, some 32 KiB, independent of the
/// expansion: the receiver of the pieces must bound their total.
pub(crate) struct Gunzip {
    decoder: GzDecoder<Vec<u8>>,
}

impl Gunzip {
    pub(crate) fn new() -> Self {
        Self { decoder: GzDecoder::new(Vec::new()) }
    }

    /// Calls `each` with the decoded content of `bytes`.
    ///
    /// # Errors
    /// If `bytes` are not gzip, or `each` fails.
    pub(crate) fn push<E: From<io::Error>>(
        &mut self,
        mut bytes: &[u8],
        each: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            let taken = self.decoder.write(bytes)?;
            // After the end of the stream, the decoder consumes nothing, and the remaining bytes are ignored.
            if taken == 0 && self.decoder.get_ref().is_empty() {
                break;
            }
            bytes = &bytes[taken..];
            self.hand_on(each)?;
        }
        Ok(())
    }

    /// Ends the stream after the last bytes.
    ///
    /// # Errors
    /// If the stream is cut off, its checksum is wrong, or `each` fails.
    pub(crate) fn finish<E: From<io::Error>>(
        mut self,
        each: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.decoder.try_finish()?;
        self.hand_on(each)
    }

    fn hand_on<E>(&mut self, each: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let decoded = self.decoder.get_mut();
        if decoded.is_empty() {
            return Ok(());
        }
        let result = each(decoded);
        decoded.clear();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Decodes pieces of `size`; returns the content and the size of the largest piece that came out.
    fn decoded(bytes: &[u8], size: usize) -> io::Result<(Vec<u8>, usize)> {
        let (mut gunzip, mut all, mut largest) = (Gunzip::new(), Vec::new(), 0);
        let mut each = |piece: &[u8]| {
            all.extend_from_slice(piece);
            largest = largest.max(piece.len());
            Ok::<_, io::Error>(())
        };
        for piece in bytes.chunks(size) {
            gunzip.push(piece, &mut each)?;
        }
        gunzip.finish(&mut each)?;
        Ok((all, largest))
    }

    #[test]
    fn pieces_of_any_size_are_decoded() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        let packed = compressed(&text);
        for size in [1, 7, 1000, packed.len()] {
            assert_eq!(decoded(&packed, size).unwrap().0, text, "pieces of {size}");
        }
    }

    #[test]
    fn highly_compressed_data_is_decoded_in_small_pieces() {
        let packed = compressed(&vec![b' '; 50 << 20]);
        assert!(packed.len() < 1 << 20, "{}", packed.len());
        let (mut gunzip, mut all, mut largest) = (Gunzip::new(), 0, 0);
        let mut each = |piece: &[u8]| {
            (all, largest) = (all + piece.len(), largest.max(piece.len()));
            Ok::<_, io::Error>(())
        };
        gunzip.push(&packed, &mut each).unwrap();
        gunzip.finish(&mut each).unwrap();
        assert_eq!(all, 50 << 20);
        assert!(largest <= 64 * 1024, "{largest}");
    }

    #[test]
    fn truncated_and_invalid_gzip_is_an_error() {
        let packed = compressed(&b"what was said".repeat(100));
        for end in [0, 5, packed.len() / 2, packed.len() - 1] {
            assert!(decoded(&packed[..end], 8).is_err(), "cut at {end}");
        }
        assert!(decoded(b"{\"items\":[]}", 8).is_err());
        let mut wrong = packed.clone();
        let at = wrong.len() - 6;
        wrong[at] ^= 1;
        assert!(decoded(&wrong, 8).is_err(), "checksum");
    }
}
