//! The series of the last tick, in the state of the formatter, and those that are gone.
//!
//! A formatter gets a batch in slices, and an object may move from one slice to another. So a series is gone only once all slices
//! of a tick have been seen. The host fills slices: all but the last have 512 entities. If the last one has so many as well, the
//! next tick finds out, and the markers come with its first slice, for the time of the tick that they belong to.
//!
//! | key | value |
//! |---|---|
//! | `tick` | the last tick, or the one that is being formatted |
//! | `aN`, `bN` | series of the two ticks, in turn: requests without samples |

use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::json::integer_text;
use insights_sdk::protobuf::{Fields, Value, Varints};
use insights_sdk::{Batch, log, state, stored};

use crate::labels::Labels;
use crate::symbols::Tables;

/// Entities of every slice but the last one, descriptors not counted.
const SLICE: usize = 512;
/// Most bytes of the series of one key; the state takes 64 KiB.
const CHUNK_BYTES: usize = 60_000;
/// Time after which a series is stale without a marker: Prometheus looks back so far by default.
const LOOKBACK_MS: u64 = 300_000;
const TICK: &str = "tick";
/// Prefixes of the keys of the two sets.
const SETS: [&str; 2] = ["a", "b"];

/// A tick in the state.
#[derive(Clone, Debug)]
struct Tick {
    time_unix_ms: u64,
    /// Position of its set in `SETS`; the other one is that of the tick before, until this one is complete.
    set: u64,
    /// Number of keys of its set.
    chunks: u64,
    /// All slices have been seen.
    is_complete: bool,
    /// The state had no room for some series: nothing is known of those that seem to be gone.
    is_partial: bool,
}
stored!(Tick { time_unix_ms, set, chunks, is_complete, is_partial });

/// The series of the tick that is being formatted.
#[derive(Debug)]
pub(crate) struct Seen {
    tick: Tick,
    /// Hashes of the series of this tick's earlier slices, sorted.
    earlier: Vec<u64>,
    /// Those of this slice.
    own: Vec<u64>,
    /// Series that were added in this slice.
    tables: Tables,
    chunks: Vec<Vec<u8>>,
    is_last_slice: bool,
}

impl Seen {
    /// Reads the state. Calls `gone` with the labels of each series that was gone in the tick before, and the time of that tick, if it
    /// could not be told before.
    pub(crate) fn begin(batch: &Batch, gone: &mut dyn FnMut(&Labels, u64)) -> Self {
        let time_unix_ms = batch.time_unix_ms();
        let oldest = time_unix_ms.saturating_sub(LOOKBACK_MS.max(batch.interval_ms().saturating_mul(2)));
        let before: Option<Tick> = state::get(TICK);
        let before = before.filter(|tick| (oldest..=time_unix_ms).contains(&tick.time_unix_ms));
        let (tick, earlier) = match before {
            None => {
                SETS.iter().for_each(|set| state::retain(set, |_| false));
                (Tick { time_unix_ms, set: 0, chunks: 0, is_complete: false, is_partial: false }, Vec::new())
            }
            Some(tick) if tick.time_unix_ms == time_unix_ms => {
                let earlier = hashes(&tick);
                (tick, earlier)
            }
            Some(mut last) => {
                if !last.is_complete {
                    last.complete(&hashes(&last), gone);
                }
                let set = 1 - last.set.min(1);
                state::retain(SETS[set as usize], |_| false);
                (Tick { time_unix_ms, set, chunks: 0, is_complete: false, is_partial: false }, Vec::new())
            }
        };
        let entities = batch.entities().iter().filter(|entity| entity.kind() != "metric").count();
        let is_last_slice = entities < SLICE;
        Self { tick, earlier, own: Vec::new(), tables: Tables::default(), chunks: Vec::new(), is_last_slice }
    }

    /// Adds a series. Returns false if the tick has it already, from another slice.
    pub(crate) fn add(&mut self, labels: &Labels) -> bool {
        let hash = labels.hash();
        if self.earlier.binary_search(&hash).is_ok() {
            return false;
        }
        self.own.push(hash);
        if self.tables.bytes_with(labels, None) > CHUNK_BYTES {
            self.end_chunk();
        }
        self.tables.add(labels, None);
        true
    }

    fn end_chunk(&mut self) {
        if self.tables.series_count > 0 {
            let mut chunk = Vec::new();
            self.tables.take(&mut chunk);
            self.chunks.push(chunk);
        }
    }

    /// Writes the state. Calls `gone` with the labels of each series that is gone, and the time, if this is the last slice.
    pub(crate) fn end(mut self, gone: &mut dyn FnMut(&Labels, u64)) {
        self.end_chunk();
        if self.is_last_slice {
            let mut hashes = self.earlier;
            hashes.append(&mut self.own);
            hashes.sort_unstable();
            // Frees the space of the tick before.
            self.tick.complete(&hashes, gone);
        }
        let mut refused: Option<String> = None;
        for chunk in &self.chunks {
            match state::put_bytes(&key(self.tick.set, self.tick.chunks), chunk) {
                Ok(()) => self.tick.chunks += 1,
                Err(error) => _ = refused.get_or_insert(error),
            }
        }
        self.tick.is_partial |= refused.is_some();
        if let Err(error) = state::put(TICK, &self.tick) {
            refused.get_or_insert(error);
        }
        if let Some(error) = refused {
            log::warn(
                &["no stale markers for some series: ", &error, "; or set `stale_markers: false`"].concat(),
            );
        }
    }
}

impl Tick {
    /// Ends the tick: calls `gone` with each series of the tick before that is not in `hashes`, and forgets that tick.
    fn complete(&mut self, hashes: &[u64], gone: &mut dyn FnMut(&Labels, u64)) {
        let other = SETS[1 - self.set.min(1) as usize];
        if !self.is_partial {
            for key in state::keys(other) {
                let chunk = state::get_bytes(&key).unwrap_or_default();
                series(&chunk, &mut |labels| {
                    if hashes.binary_search(&labels.hash()).is_err() {
                        gone(labels, self.time_unix_ms);
                    }
                });
            }
        }
        state::retain(other, |_| false);
        self.is_complete = true;
    }
}

fn key(set: u64, chunk: u64) -> String {
    [SETS[set.min(1) as usize], &integer_text(chunk)].concat()
}

/// Returns the hashes of the series that are stored for a tick, sorted.
fn hashes(tick: &Tick) -> Vec<u64> {
    let mut hashes = Vec::new();
    for chunk in 0..tick.chunks {
        let Some(chunk) = state::get_bytes(&key(tick.set, chunk)) else { break };
        series(&chunk, &mut |labels| hashes.push(labels.hash()));
    }
    hashes.sort_unstable();
    hashes
}

/// Calls `each` with the labels of every series of a stored request. Ends at the first malformed field.
fn series(request: &[u8], each: &mut dyn FnMut(&Labels)) {
    let mut symbols: Vec<&str> = Vec::new();
    let mut labels = Labels::default();
    for field in Fields::new(request).map_while(Result::ok) {
        match field {
            (4, Value::Bytes(symbol)) => symbols.push(core::str::from_utf8(symbol).unwrap_or_default()),
            (5, Value::Bytes(message)) => {
                labels.clear();
                if let Some(Ok((1, Value::Bytes(refs)))) = Fields::new(message).next() {
                    read_labels(refs, &symbols, &mut labels);
                    each(&labels);
                }
            }
            _ => {}
        }
    }
}

fn read_labels(refs: &[u8], symbols: &[&str], labels: &mut Labels) {
    let mut texts =
        Varints::new(refs).map_while(|number| symbols.get(usize::try_from(number).ok()?).copied());
    while let Some((name, value)) = texts.next().zip(texts.next()) {
        labels.push(name, value);
    }
}
