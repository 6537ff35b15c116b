//! Requests: resources, scopes, metrics and points, nested, split at the limits of the receiver.

use alloc::vec::Vec;

use insightd_series::Kind;
use insights_sdk::Payloads;

use crate::proto;

/// Media type of the events.
const CONTENT_TYPE: &str = "application/x-protobuf";
/// Most bytes that keys and lengths of the open messages need.
const OPEN_BYTES: usize = 64;
/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;

/// A builder of requests. A resource, scope or metric without points is not written.
pub(crate) struct Requests {
    payloads: Payloads,
    time_unix_ms: u64,
    max_points: usize,
    max_bytes: usize,
    /// Start of the current request in the body.
    start: usize,
    /// Points of the current request.
    points: usize,
    /// Points that alone are larger than a request.
    pub(crate) dropped: u64,
    /// `Resource` of the open `ResourceMetrics`, and its finished `ScopeMetrics`.
    resource: Level,
    /// `InstrumentationScope` of the open `ScopeMetrics`, and its finished `Metric`s.
    scope: Level,
    /// Name, description and unit of the open `Metric`, and its points.
    metric: Level,
    kind: Kind,
}

#[derive(Default)]
struct Level {
    header: Vec<u8>,
    content: Vec<u8>,
}

impl Level {
    fn size(&self) -> usize {
        self.header.len() + self.content.len()
    }

    /// Appends the message as a field and clears the content.
    fn close(&mut self, out: &mut Vec<u8>, field: u64) {
        if !self.content.is_empty() {
            proto::length(out, field, self.size());
            out.extend_from_slice(&self.header);
            out.extend_from_slice(&self.content);
            self.content.clear();
        }
    }
}

impl Requests {
    pub(crate) fn new(time_unix_ms: u64, max_points: usize, max_bytes: usize) -> Self {
        Self {
            payloads: Payloads::new(CONTENT_TYPE),
            time_unix_ms,
            max_points,
            max_bytes,
            start: 0,
            points: 0,
            dropped: 0,
            resource: Level::default(),
            scope: Level::default(),
            metric: Level::default(),
            kind: Kind::Gauge,
        }
    }

    /// Begins a resource; `attributes` are the fields of its `Resource`.
    pub(crate) fn resource(&mut self, attributes: &[u8]) {
        self.close_resource();
        self.resource.header.clear();
        proto::bytes(&mut self.resource.header, 1, attributes);
    }

    /// Begins a scope; `fields` are those of its `InstrumentationScope`.
    pub(crate) fn scope(&mut self, fields: &[u8]) {
        self.close_scope();
        self.scope.header.clear();
        proto::bytes(&mut self.scope.header, 1, fields);
    }

    /// Begins a metric.
    pub(crate) fn metric(&mut self, name: &str, description: &str, unit: &str, kind: Kind) {
        self.close_metric();
        self.metric.header.clear();
        self.kind = kind;
        for (field, text) in [(1, name), (2, description), (3, unit)] {
            if !text.is_empty() {
                proto::bytes(&mut self.metric.header, field, text.as_bytes());
            }
        }
    }

    /// Adds a point to the metric; `fields` are those of its `NumberDataPoint`, in parts. Begins another request if the current
    /// one has no room for it.
    pub(crate) fn point(&mut self, fields: &[&[u8]]) {
        let length = fields.iter().map(|part| part.len()).sum::<usize>();
        let size = length + OPEN_BYTES;
        if self.points >= self.max_points || self.size() + size > self.max_bytes {
            self.close_request();
        }
        if self.size() + size > self.max_bytes {
            self.dropped += 1;
            return;
        }
        proto::length(&mut self.metric.content, 1, length);
        for part in fields {
            self.metric.content.extend_from_slice(part);
        }
        self.points += 1;
    }

    /// Ends the last request and returns all of them.
    pub(crate) fn finish(mut self) -> Payloads {
        self.close_request();
        self.payloads
    }

    fn size(&self) -> usize {
        let finished = self.payloads.body.len() - self.start;
        finished + self.resource.size() + self.scope.size() + self.metric.size()
    }

    fn close_metric(&mut self) {
        let Level { header, content: points } = &mut self.metric;
        if points.is_empty() {
            return;
        }
        let field = match self.kind {
            Kind::Gauge => 5,
            Kind::Counter | Kind::UpDown => {
                proto::uint(points, 2, CUMULATIVE);
                if self.kind == Kind::Counter {
                    proto::uint(points, 3, 1);
                }
                7
            }
        };
        let out = &mut self.scope.content;
        proto::length(out, 2, header.len() + 1 + proto::varint_length(points.len()) + points.len());
        out.extend_from_slice(header);
        proto::bytes(out, field, points);
        points.clear();
    }

    fn close_scope(&mut self) {
        self.close_metric();
        self.scope.close(&mut self.resource.content, 2);
    }

    fn close_resource(&mut self) {
        self.close_scope();
        self.resource.close(&mut self.payloads.body, 1);
    }

    fn close_request(&mut self) {
        self.close_resource();
        if self.payloads.body.len() > self.start {
            self.payloads.commit(&[], self.time_unix_ms);
            self.start = self.payloads.body.len();
        }
        self.points = 0;
    }
}
