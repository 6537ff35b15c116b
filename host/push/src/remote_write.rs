//! Prometheus remote write: the two versions of its messages, and the block format of snappy.
//!
//! Bodies are those of version 2.0, `io.prometheus.write.v2.Request`. A server that knows only 1.0 gets the same series as a
//! `prometheus.WriteRequest`.

use insights_batch::protobuf::{Fields, Value, Varints, write};

/// Media type of version 2.0.
pub const CONTENT_TYPE: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// Media type of version 1.0.
pub(crate) const CONTENT_TYPE_1: &str = "application/x-protobuf";

/// Header with the version of a request.
pub(crate) const VERSION: &str = "x-prometheus-remote-write-version";

/// Header with the number of samples that the server has stored. Every server that knows version 2.0 sends it.
pub(crate) const SAMPLES_WRITTEN: &str = "x-prometheus-remote-write-samples-written";

/// Maximum bytes of a request before compression. Sinks accept smaller ones; a file of the spool may be damaged.
const MAX_BYTES: usize = 16 << 20;

/// Version of the protocol to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 2.0 until the server turns out to know only 1.0.
    Auto,
    /// 1.0.
    One,
    /// 2.0.
    Two,
}

/// Compresses a request. Returns `None` for one of 4 GiB, which is too long.
pub fn compress(request: &[u8]) -> Option<Vec<u8>> {
    snap::raw::Encoder::new().compress_vec(request).ok()
}

/// Returns the value of the header with the version.
pub(crate) fn version_of(content_type: &str) -> &'static str {
    if content_type == CONTENT_TYPE { "2.0.0" } else { "0.1.0" }
}

/// Returns the number of samples of a compressed request; 0 if it is malformed.
pub(crate) fn samples(body: &[u8]) -> u64 {
    let request = decompress(body).unwrap_or_default();
    let mut count = 0;
    for (_, series) in messages(&request, 5) {
        count += messages(series, 2).count() as u64;
    }
    count
}

/// Converts a compressed request to version 1.0, compressed as well. Returns `None` if it is malformed.
pub(crate) fn to_version_1(body: &[u8]) -> Option<Vec<u8>> {
    compress(&convert(&decompress(body)?)?)
}

fn decompress(body: &[u8]) -> Option<Vec<u8>> {
    let length = snap::raw::decompress_len(body).ok()?;
    if length > MAX_BYTES {
        return None;
    }
    snap::raw::Decoder::new().decompress_vec(body).ok()
}

/// Iterates over the texts and messages of one field.
fn messages(message: &[u8], field: u64) -> impl Iterator<Item = (u64, &[u8])> {
    Fields::new(message).map_while(Result::ok).filter_map(move |found| match found {
        (number, Value::Bytes(content)) if number == field => Some((number, content)),
        _ => None,
    })
}

/// Converts a `Request` to a `WriteRequest`: `timeseries` = 1 with `labels` = 1 (`name` = 1, `value` = 2) and `samples` = 2, which
/// have the same fields in both; `metadata` = 3 with `type` = 1, `metric_family_name` = 2, `help` = 4 and `unit` = 5, once for
/// each run of series of the same name.
fn convert(request: &[u8]) -> Option<Vec<u8>> {
    let symbols: Vec<&[u8]> = messages(request, 4).map(|(_, symbol)| symbol).collect();
    let symbol = |number: u64| symbols.get(usize::try_from(number).ok()?).copied();
    let (mut out, mut metadata) = (Vec::with_capacity(request.len() * 4), Vec::new());
    let (mut series, mut message) = (Vec::new(), Vec::new());
    let mut described: &[u8] = b"";
    for field in Fields::new(request) {
        let Ok((5, Value::Bytes(fields))) = field else {
            field.ok()?;
            continue;
        };
        series.clear();
        let mut name: &[u8] = b"";
        for field in Fields::new(fields) {
            match field.ok()? {
                (1, Value::Bytes(refs)) => {
                    let mut refs = Varints::new(refs);
                    while let Some(key) = refs.next() {
                        let (key, value) = (symbol(key)?, symbol(refs.next()?)?);
                        if key == b"__name__" {
                            name = value;
                        }
                        message.clear();
                        write::bytes(&mut message, 1, key);
                        write::bytes(&mut message, 2, value);
                        write::bytes(&mut series, 1, &message);
                    }
                }
                (2, Value::Bytes(sample)) => write::bytes(&mut series, 2, sample),
                (5, Value::Bytes(fields)) if name != described => {
                    described = name;
                    message.clear();
                    write::bytes(&mut message, 2, name);
                    for field in Fields::new(fields) {
                        match field.ok()? {
                            (1, Value::Varint(kind)) => write::uint(&mut message, 1, kind),
                            (3, Value::Varint(help)) => write::bytes(&mut message, 4, symbol(help)?),
                            (4, Value::Varint(unit)) => write::bytes(&mut message, 5, symbol(unit)?),
                            _ => {}
                        }
                    }
                    write::bytes(&mut metadata, 3, &message);
                }
                _ => {}
            }
        }
        write::bytes(&mut out, 1, &series);
    }
    out.append(&mut metadata);
    Some(out)
}

#[cfg(test)]
mod tests;
