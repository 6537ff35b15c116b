//! Decodes requests with messages declared as in Prometheus' `io/prometheus/write/v2/types.proto`.

use std::collections::BTreeMap;

use insights_sdk::Payloads;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
    #[prost(uint32, tag = "4")]
    unit_ref: u32,
}

/// Labels by name.
pub(crate) type Labels = BTreeMap<String, String>;

/// A series with its only sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) labels: Labels,
    pub(crate) bits: u64,
    pub(crate) time_unix_ms: u64,
    /// Type, help and unit; type 0 and empty texts without metadata.
    pub(crate) metadata: (i32, String, String),
}

impl Decoded {
    pub(crate) fn name(&self) -> &str {
        &self.labels["__name__"]
    }
}

/// Decodes all requests. Checks the rules of the specification: the first symbol is empty, none occurs twice, labels are sorted.
pub(crate) fn decode(payloads: &Payloads) -> Vec<Vec<Decoded>> {
    assert_eq!(payloads.content_type, "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    payloads.events().map(|event| request(event.bytes)).collect()
}

fn request(bytes: &[u8]) -> Vec<Decoded> {
    let Request { symbols, timeseries } = Request::decode(bytes).expect("a request");
    assert_eq!(symbols[0], "");
    let mut sorted = symbols.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), symbols.len(), "a text twice");
    let text = |number: u32| symbols[number as usize].clone();
    let series = |series: TimeSeries| {
        let pairs: Vec<(String, String)> =
            series.labels_refs.chunks(2).map(|pair| (text(pair[0]), text(pair[1]))).collect();
        assert!(pairs.windows(2).all(|pair| pair[0].0 < pair[1].0), "not sorted: {pairs:?}");
        assert!(pairs.iter().all(|(_, value)| !value.is_empty()), "an empty label: {pairs:?}");
        assert_eq!(series.samples.len(), 1);
        let sample = &series.samples[0];
        let metadata = series.metadata.unwrap_or_default();
        Decoded {
            labels: pairs.into_iter().collect(),
            bits: sample.value.to_bits(),
            time_unix_ms: sample.timestamp.try_into().expect("a time"),
            metadata: (metadata.kind, text(metadata.help_ref), text(metadata.unit_ref)),
        }
    };
    timeseries.into_iter().map(series).collect()
}
