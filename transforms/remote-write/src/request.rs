//! Requests: series one after the other, split at the limits of the receiver.

use insights_sdk::Payloads;

use crate::labels::Labels;
use crate::symbols::{Sample, Tables};

/// Media type of the events.
const CONTENT_TYPE: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// A builder of requests.
#[derive(Debug)]
pub(crate) struct Requests {
    payloads: Payloads,
    time_unix_ms: u64,
    max_series: usize,
    max_bytes: usize,
    tables: Tables,
    /// Series that alone are larger than a request.
    pub(crate) dropped: u64,
}

impl Requests {
    pub(crate) fn new(time_unix_ms: u64, max_series: usize, max_bytes: usize) -> Self {
        let payloads = Payloads::new(CONTENT_TYPE);
        Self { payloads, time_unix_ms, max_series, max_bytes, tables: Tables::default(), dropped: 0 }
    }

    /// Adds a series; its labels are sorted. Begins another request if the current one has no room for it. Returns false, and
    /// counts the series, if no request has.
    pub(crate) fn series(&mut self, labels: &Labels, sample: &Sample<'_>) -> bool {
        if self.tables.series_count >= self.max_series || !self.has_room(labels, sample) {
            self.end();
        }
        if !self.has_room(labels, sample) {
            self.dropped += 1;
            return false;
        }
        self.tables.add(labels, Some(sample));
        true
    }

    fn has_room(&self, labels: &Labels, sample: &Sample<'_>) -> bool {
        self.tables.bytes_with(labels, Some(sample)) <= self.max_bytes
    }

    /// Ends the current request, if it has series.
    pub(crate) fn end(&mut self) {
        if self.tables.series_count > 0 {
            self.tables.take(&mut self.payloads.body);
            self.payloads.commit(&[], self.time_unix_ms);
        }
    }

    /// Ends the last request and returns all of them.
    pub(crate) fn finish(mut self) -> Payloads {
        self.end();
        self.payloads
    }
}
