//! The conversion, with messages declared as in Prometheus' `types.proto` and `remote.proto`, read and written by another
//! implementation of protobuf.

use prost::Message;

use super::*;

/// The NaN that ends a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;

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

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<OldSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<MetricMetadata>,
}

#[derive(Clone, PartialEq, Message)]
struct OldSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct MetricMetadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    metric_family_name: String,
    #[prost(string, tag = "4")]
    help: String,
    #[prost(string, tag = "5")]
    unit: String,
}

fn request() -> Request {
    let texts = ["", "__name__", "a_bytes", "pod", "web", "Bytes of a.", "bytes", "b_total", "db"];
    let sample = |value| Sample { value, timestamp: 1_790_000_000_000 };
    let of_a = Some(Metadata { kind: 2, help_ref: 5, unit_ref: 6 });
    let of_b = Some(Metadata { kind: 1, help_ref: 0, unit_ref: 0 });
    Request {
        symbols: texts.iter().map(|text| (*text).to_owned()).collect(),
        timeseries: vec![
            TimeSeries { labels_refs: vec![1, 2, 3, 4], samples: vec![sample(1.5)], metadata: of_a.clone() },
            TimeSeries { labels_refs: vec![1, 2, 3, 8], samples: vec![sample(0.0)], metadata: of_a },
            TimeSeries { labels_refs: vec![1, 7], samples: vec![sample(-3.0), sample(4.0)], metadata: of_b },
            TimeSeries {
                labels_refs: vec![1, 7, 3, 8],
                samples: vec![sample(f64::from_bits(STALE))],
                metadata: None,
            },
        ],
    }
}

#[test]
fn version_1_has_the_same_series() {
    let body = compress(&request().encode_to_vec()).unwrap();
    assert_eq!(samples(&body), 5);
    let converted = decompress(&to_version_1(&body).unwrap()).unwrap();
    let found = WriteRequest::decode(converted.as_slice()).unwrap();
    let labels = |pairs: &[(&str, &str)]| -> Vec<Label> {
        pairs.iter().map(|&(name, value)| Label { name: name.into(), value: value.into() }).collect()
    };
    let wanted = [
        (labels(&[("__name__", "a_bytes"), ("pod", "web")]), vec![1.5_f64.to_bits()]),
        (labels(&[("__name__", "a_bytes"), ("pod", "db")]), vec![0]),
        (labels(&[("__name__", "b_total")]), vec![(-3_f64).to_bits(), 4_f64.to_bits()]),
        (labels(&[("__name__", "b_total"), ("pod", "db")]), vec![STALE]),
    ];
    assert_eq!(found.timeseries.len(), wanted.len());
    for (series, (labels, bits)) in found.timeseries.iter().zip(wanted) {
        assert_eq!(series.labels, labels);
        assert!(series.samples.iter().all(|sample| sample.timestamp == 1_790_000_000_000));
        let found: Vec<u64> = series.samples.iter().map(|sample| sample.value.to_bits()).collect();
        assert_eq!(found, bits, "{labels:?}");
    }
    let metadata = |kind, name: &str, help: &str, unit: &str| MetricMetadata {
        kind,
        metric_family_name: name.into(),
        help: help.into(),
        unit: unit.into(),
    };
    // Types have the same numbers in both versions.
    assert_eq!(
        found.metadata,
        [metadata(2, "a_bytes", "Bytes of a.", "bytes"), metadata(1, "b_total", "", "")]
    );
}

#[test]
fn malformed_requests_are_no_requests() {
    let mut unknown_symbol = request();
    unknown_symbol.timeseries[0].labels_refs[1] = 9;
    let mut name_without_value = request();
    name_without_value.timeseries[0].labels_refs.pop();
    for request in [unknown_symbol.encode_to_vec(), name_without_value.encode_to_vec(), vec![0x2a, 9, 1]] {
        assert_eq!(to_version_1(&compress(&request).unwrap()), None, "{request:?}");
    }
    for body in [b"".as_slice(), b"\xff\xff\xff\xff\x0f", &[0x80, 0x80, 0x80, 0x80, 0x01], b"\x05a"] {
        assert_eq!((to_version_1(body), samples(body)), (None, 0), "{body:?}");
    }
    // A length beyond the bound is not allocated.
    assert_eq!(decompress(&compress(&vec![0; MAX_BYTES + 1]).unwrap()), None);
}

#[test]
fn bodies_are_compressed_in_the_block_format() {
    // By hand, from the description of the format: the length, a literal of 1 byte, a copy of 59 bytes from 1 byte before.
    let body = compress(&[b'a'; 60]).unwrap();
    assert_eq!(body[0], 60);
    assert_eq!(decompress(&[5, 16, b'h', b'e', b'l', b'l', b'o']), Some(b"hello".to_vec()));
    assert_eq!(decompress(&body), Some(vec![b'a'; 60]));
}
