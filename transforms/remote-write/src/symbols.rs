//! The two tables of a request: its texts, each once, and the series that refer to them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::hash::Hasher;

use insights_sdk::FxHasher;
use insights_sdk::protobuf::write;

use crate::labels::Labels;

/// Bytes of a key and a length, or of a reference, at most.
const SMALL: usize = 6;
/// Bytes of a series beside its labels, at most: lengths, a sample and metadata.
const SERIES: usize = 64;

/// Fields of a series behind its labels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample<'s> {
    /// Bits of the value: a stale marker is a NaN, whose bits a calculation need not keep.
    pub(crate) bits: u64,
    pub(crate) time_unix_ms: u64,
    /// `Metadata.MetricType`, help and unit; none for a stale marker.
    pub(crate) metadata: Option<(u64, &'s str, &'s str)>,
}

/// Texts and series of one `io.prometheus.write.v2.Request`.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Fields `symbols`. The first one, the empty text, is written with the first series.
    symbols: Vec<u8>,
    /// Number of symbols.
    count: u32,
    /// Numbers of the symbols, with position and length in `symbols`, by hash.
    index: BTreeMap<u64, (u32, usize, usize)>,
    /// Fields `timeseries`.
    series: Vec<u8>,
    pub(crate) series_count: usize,
    /// A message that is being written.
    message: Vec<u8>,
    refs: Vec<u8>,
}

impl Tables {
    /// Returns the bytes that the request has at most with a further series.
    pub(crate) fn bytes_with(&self, labels: &Labels, sample: Option<&Sample<'_>>) -> usize {
        let metadata =
            sample.and_then(|sample| sample.metadata).map_or(0, |(_, help, unit)| help.len() + unit.len());
        let added = labels.bytes() + metadata + labels.len() * 4 * SMALL + SERIES;
        self.symbols.len() + self.series.len() + added
    }

    /// Adds a series; without a sample only its labels.
    pub(crate) fn add(&mut self, labels: &Labels, sample: Option<&Sample<'_>>) {
        if self.count == 0 {
            write::bytes(&mut self.symbols, 4, b"");
            self.count = 1;
        }
        self.refs.clear();
        for (name, value) in labels.iter() {
            let (name, value) = (self.symbol(name), self.symbol(value));
            write::varint(&mut self.refs, name.into());
            write::varint(&mut self.refs, value.into());
        }
        self.message.clear();
        write::bytes(&mut self.message, 1, &self.refs);
        if let Some(sample) = sample {
            let mut fields = Vec::with_capacity(SERIES);
            write::fixed(&mut fields, 1, sample.bits);
            write::uint(&mut fields, 2, sample.time_unix_ms);
            write::bytes(&mut self.message, 2, &fields);
            if let Some((kind, help, unit)) = sample.metadata {
                fields.clear();
                write::uint(&mut fields, 1, kind);
                for (field, text) in [(3, help), (4, unit)] {
                    if !text.is_empty() {
                        write::uint(&mut fields, field, self.symbol(text).into());
                    }
                }
                write::bytes(&mut self.message, 5, &fields);
            }
        }
        write::bytes(&mut self.series, 5, &self.message);
        self.series_count += 1;
    }

    /// Appends the request to `out` and begins another one.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.symbols);
        out.extend_from_slice(&self.series);
        self.symbols.clear();
        self.series.clear();
        self.index.clear();
        (self.count, self.series_count) = (0, 0);
    }

    /// Returns the number of a text.
    fn symbol(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let mut hasher = FxHasher::default();
        hasher.write(text.as_bytes());
        let mut hash = hasher.finish();
        // Two texts with the same hash have neighbouring keys.
        while let Some(&(number, start, length)) = self.index.get(&hash) {
            if self.symbols.get(start..start + length) == Some(text.as_bytes()) {
                return number;
            }
            hash = hash.wrapping_add(1);
        }
        write::bytes(&mut self.symbols, 4, text.as_bytes());
        let number = self.count;
        self.index.insert(hash, (number, self.symbols.len() - text.len(), text.len()));
        self.count += 1;
        number
    }
}
