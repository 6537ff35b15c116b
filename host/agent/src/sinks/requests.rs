//! The tick's side of OTLP over HTTP and of Prometheus remote write: each event of the formatter is a whole request, compressed
//! and written to the spool. A task delivers it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use insightd_delivery::DeliveryQueue;
use insightd_push::{BodyKind, Encoding, remote_write};
use insightd_spool::Block;
use insights_batch::{Event, Limits};

use super::queued::Queued;
use super::{Delivered, Sink, SinkError};
use crate::config::PushProtocol;

/// Largest request before compression, bytes: the limit of CloudWatch and of Amazon Managed Service for Prometheus. Others
/// accept more.
const MAX_REQUEST_BYTES: u32 = 1_000_000;

/// Compression level, as for CloudWatch Logs: CPU time on every node costs more than bytes.
const LEVEL: u32 = 3;

/// A sink that fills the delivery queue of a receiver of requests.
#[derive(Debug)]
pub struct Requests {
    queued: Queued,
    protocol: PushProtocol,
}

impl Requests {
    /// Creates a sink that fills `queue` with requests, compressed as the protocol wants.
    pub fn new(queue: DeliveryQueue, protocol: PushProtocol) -> Self {
        Self { queued: Queued::new(queue), protocol }
    }

    /// Returns the content types of the protocol, as keys and in words.
    fn expected(&self) -> (&'static [&'static str], &'static str) {
        match self.protocol {
            PushProtocol::Otlp { .. } => (
                // Both forms of the same request.
                &["application/x-protobuf", "application/json"],
                "OTLP metrics (application/x-protobuf or application/json)",
            ),
            PushProtocol::RemoteWrite { .. } => {
                (&[remote_write::CONTENT_TYPE], "requests of the formatter `remote-write`")
            }
        }
    }

    fn add(&self, content_type: &str, event: &Event<'_>) -> Result<Delivered, SinkError> {
        let (content_types, expected) = self.expected();
        if !content_types.contains(&content_type) {
            return Err(SinkError::ContentType {
                found: insightd_upstream::error_text::shortened(content_type).escape_debug().to_string(),
                expected,
            });
        }
        let bytes = event.bytes.len();
        let too_long = SinkError::TooLong { bytes, max_bytes: MAX_REQUEST_BYTES };
        if bytes > MAX_REQUEST_BYTES as usize {
            return Err(too_long);
        }
        let (encoding, body) = match self.protocol {
            PushProtocol::Otlp { compression: false } => (Encoding::Identity, event.bytes.to_vec()),
            PushProtocol::Otlp { compression: true } => (Encoding::Gzip, gzip(event.bytes)),
            PushProtocol::RemoteWrite { .. } => {
                (Encoding::Snappy, remote_write::compress(event.bytes).ok_or(too_long)?)
            }
        };
        let kind = BodyKind { content_type: content_type.to_owned(), encoding };
        let block = Block { events: 1, time_unix_ms: event.time_unix_ms, key: kind.key(), body };
        Ok(self.queued.put(block, bytes as u64))
    }
}

impl Sink for Requests {
    fn limits(&self) -> Limits {
        Limits { max_event_bytes: MAX_REQUEST_BYTES }
    }

    fn accept(&mut self, content_type: &str, events: &mut dyn Iterator<Item = Event<'_>>) -> Delivered {
        let mut delivered = Delivered::default();
        for event in events {
            match self.add(content_type, &event) {
                Ok(added) => delivered.add(added),
                Err(error) => {
                    delivered.lost += 1;
                    delivered.error.get_or_insert(error);
                }
            }
        }
        delivered
    }

    fn end_tick(&mut self) -> Delivered {
        self.queued.end_tick()
    }

    fn lost_later(&self) -> u64 {
        self.queued.reported_lost()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), Compression::new(LEVEL));
    // Writing to a vector cannot fail.
    let written = encoder.write_all(bytes);
    debug_assert!(written.is_ok());
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use flate2::read::GzDecoder;
    use insightd_spool::{Order, Settings, Spool};
    use insightd_upstream::UpstreamStatus;
    use insights_batch::Payloads;

    use super::*;

    const TIME_MS: u64 = 1_790_000_000_000;

    const GZIP: PushProtocol = PushProtocol::Otlp { compression: true };

    /// Key and body of a block.
    type Stored = (Vec<u8>, Vec<u8>);

    /// Runs a tick with these events, and returns its result and the stored blocks.
    fn tick(content_type: &str, protocol: PushProtocol, events: &[&[u8]]) -> (Delivered, Vec<Stored>) {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings::new(directory.path().join("otlp"));
        let spool = Spool::open(settings.clone(), TIME_MS);
        let queue = DeliveryQueue::new(spool, Arc::new(UpstreamStatus::new("otlp"))).unwrap();
        let mut sink = Requests::new(queue, protocol);
        let mut payloads = Payloads::new(content_type);
        for event in events {
            payloads.push(&[], TIME_MS, event);
        }
        let mut delivered = sink.accept(content_type, &mut payloads.events());
        delivered.add(sink.end_tick());
        drop(sink);
        let mut spool = Spool::open(settings, TIME_MS);
        let mut blocks = Vec::new();
        while let Some(lease) = spool.lease(Order::Oldest, |_| false) {
            let block = spool.read(&lease).unwrap();
            spool.done(lease);
            blocks.push((block.key, block.body));
        }
        (delivered, blocks)
    }

    #[test]
    fn each_event_is_a_compressed_request_with_its_content_type() {
        let (delivered, blocks) = tick("application/x-protobuf", GZIP, &[b"one", b"two"]);
        assert_eq!((delivered.events, delivered.bytes, delivered.lost), (2, 6, 0));
        let mut bodies = Vec::new();
        for (key, body) in &blocks {
            assert_eq!(key, b"gzip\0application/x-protobuf");
            let mut text = String::new();
            GzDecoder::new(body.as_slice()).read_to_string(&mut text).unwrap();
            bodies.push(text);
        }
        assert_eq!(bodies, ["one", "two"]);
        let (_, blocks) = tick("application/json", PushProtocol::Otlp { compression: false }, &[b"{}"]);
        assert_eq!(blocks, [(b"identity\0application/json".to_vec(), b"{}".to_vec())]);
    }

    #[test]
    fn other_events_are_counted_as_lost_and_explained() {
        let (delivered, blocks) = tick("application/json; charset=utf-8", GZIP, &[b"{}"]);
        assert_eq!((delivered.events, delivered.lost, blocks.len()), (0, 1, 0));
        let error = delivered.error.unwrap().to_string();
        assert!(error.contains("`application/json; charset=utf-8`") && error.contains("OTLP"), "{error}");
        let long = vec![b'x'; MAX_REQUEST_BYTES as usize + 1];
        let (delivered, blocks) = tick("application/x-protobuf", GZIP, &[&long, b"ok"]);
        assert_eq!((delivered.events, delivered.lost, blocks.len()), (1, 1, 1));
        assert!(delivered.error.unwrap().to_string().contains("1000001 bytes"));
    }

    #[test]
    fn remote_write_takes_requests_of_its_formatter() {
        let protocol = PushProtocol::RemoteWrite { version: remote_write::Version::One };
        let (delivered, blocks) = tick(remote_write::CONTENT_TYPE, protocol, &[b"one"]);
        assert_eq!((delivered.events, delivered.bytes, delivered.lost), (1, 3, 0));
        let key = b"snappy\0application/x-protobuf;proto=io.prometheus.write.v2.Request".to_vec();
        assert_eq!(blocks, [(key, remote_write::compress(b"one").unwrap())]);
        let (delivered, blocks) = tick("application/x-protobuf", protocol, &[b"one"]);
        assert_eq!((delivered.lost, blocks.len()), (1, 0));
        assert!(delivered.error.unwrap().to_string().contains("the formatter `remote-write`"));
        let (delivered, _) = tick(remote_write::CONTENT_TYPE, GZIP, &[b"one"]);
        assert_eq!(delivered.lost, 1, "a receiver of OTLP takes no remote write");
    }
}
