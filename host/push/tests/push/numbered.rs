//! Requests with numbers, of both protocols, to count what arrives.

use insightd_delivery::DeliveryQueue;
use insightd_push::remote_write::{CONTENT_TYPE, Version, compress};
use insightd_push::{BodyKind, Encoding, Protocol};
use insightd_spool::Block;

use crate::remote_write::{ALL, request};
use crate::server::{Request, Script};

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Otlp,
    RemoteWrite,
}

/// Both protocols.
pub(crate) const BOTH: [Wire; 2] = [Wire::Otlp, Wire::RemoteWrite];

impl Wire {
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::Otlp => Protocol::Otlp,
            Self::RemoteWrite => Protocol::RemoteWrite(Version::Auto),
        }
    }

    /// Returns a block whose request has a number, and bytes that do not compress.
    pub(crate) fn block(self, number: u32, time_unix_ms: u64, padding: usize) -> Block {
        let mut random = fastrand::Rng::with_seed(number.into());
        let padding = (0..padding).map(|_| random.u8(..));
        let (content_type, encoding, body) = match self {
            Self::Otlp => {
                let body = format!("{number} ").into_bytes().into_iter().chain(padding).collect();
                ("application/x-protobuf", Encoding::Identity, body)
            }
            Self::RemoteWrite => {
                // A symbol that nothing refers to: a length of three bytes, and the content.
                let padding: Vec<u8> = padding.collect();
                let length = padding.len();
                let symbol = [0x22, length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8];
                let request = [request(&number.to_string()), symbol.to_vec(), padding].concat();
                (CONTENT_TYPE, Encoding::Snappy, compress(&request).unwrap())
            }
        };
        let kind = BodyKind { content_type: content_type.into(), encoding };
        Block { events: 1, time_unix_ms, key: kind.key(), body }
    }

    /// Returns the number of a request that arrived.
    pub(crate) fn number(self, request: &Request) -> u32 {
        let text = match self {
            Self::Otlp => request.body.split(|byte| *byte == b' ').next().unwrap().to_vec(),
            Self::RemoteWrite => {
                // The third symbol: see `request`.
                let request = snap::raw::Decoder::new().decompress_vec(&request.body).unwrap();
                let length = usize::from(request[13]);
                request[14..14 + length].to_vec()
            }
        };
        String::from_utf8(text).unwrap().parse().unwrap()
    }

    pub(crate) fn numbers(self, requests: &[Request]) -> Vec<u32> {
        requests.iter().map(|request| self.number(request)).collect()
    }

    /// Accepts everything.
    pub(crate) fn accepting(self) -> Script {
        Script::Responses(&[(200, ALL)])
    }

    /// Stores a block as a tick does.
    pub(crate) fn put(self, queue: &DeliveryQueue, number: u32, time_unix_ms: u64) {
        queue.put(self.block(number, time_unix_ms, 0)).unwrap();
        queue.end_tick(time_unix_ms);
    }
}

/// Returns numbers without repetitions, in the order of their first occurrences.
pub(crate) fn first_occurrences(numbers: &[u32]) -> Vec<u32> {
    let mut seen = std::collections::BTreeSet::new();
    numbers.iter().copied().filter(|number| seen.insert(*number)).collect()
}
