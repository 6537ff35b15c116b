//! Requests of both protocols, read by hand from the protobuf definitions.

use insightd_tests::receiver::Response;
use insights_batch::protobuf::{Fields, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Otlp,
    RemoteWrite,
}

pub(crate) const BOTH: [Wire; 2] = [Wire::Otlp, Wire::RemoteWrite];

/// Returns the messages at a path of fields.
fn messages<'m>(message: &'m [u8], path: &[u64]) -> Vec<&'m [u8]> {
    let [field, rest @ ..] = path else { return vec![message] };
    let content = |found: Result<(u64, Value<'m>), _>| match found.unwrap() {
        (number, Value::Bytes(content)) if number == *field => Some(content),
        _ => None,
    };
    Fields::new(message).filter_map(content).flat_map(|content| messages(content, rest)).collect()
}

fn number(message: &[u8], field: u64) -> u64 {
    let found = Fields::new(message).find_map(|found| match found.unwrap() {
        (number, Value::Varint(value) | Value::Fixed64(value)) if number == field => Some(value),
        _ => None,
    });
    found.unwrap()
}

impl Wire {
    /// Returns the keys of the sink, and the formatter.
    pub(crate) fn config(self) -> (&'static str, &'static str) {
        match self {
            Self::Otlp => {
                ("type: otlp_http, compression: none", "{use: 'file:otlp', config: {max_points: 40}}")
            }
            Self::RemoteWrite => (
                "type: prometheus_remote_write, version: 2",
                "{use: 'file:remote-write', config: {max_series: 40, stale_markers: false}}",
            ),
        }
    }

    /// Returns true if requests contain a sample of the text. OTLP leaves out the root cgroup and the machine.
    pub(crate) fn has(self, sample: &str) -> bool {
        self == Self::RemoteWrite || !(sample.contains("{id=\"/\"") || sample.starts_with("machine_"))
    }

    /// Returns the times of all samples of a request, milliseconds.
    pub(crate) fn times(self, body: &[u8]) -> Vec<u64> {
        match self {
            // ExportMetricsServiceRequest: resource_metrics, scope_metrics, metrics, gauge or sum, data_points.
            Self::Otlp => [5, 7]
                .iter()
                .flat_map(|data| messages(body, &[1, 2, 2, *data, 1]))
                .map(|point| number(point, 3) / 1_000_000)
                .collect(),
            // io.prometheus.write.v2.Request: timeseries, samples.
            Self::RemoteWrite => {
                let request = snap::raw::Decoder::new().decompress_vec(body).unwrap();
                messages(&request, &[5, 2]).into_iter().map(|sample| number(sample, 2)).collect()
            }
        }
    }

    /// Returns the header of a server that has stored everything.
    pub(crate) fn written(self, body: &[u8]) -> String {
        match self {
            Self::Otlp => "x-a: b".to_owned(),
            Self::RemoteWrite => header(self.times(body).len()),
        }
    }

    /// Returns the response of a server that has rejected some samples.
    pub(crate) fn partial(self, body: &[u8], rejected: u8) -> Response {
        match self {
            Self::Otlp => {
                let mut response = Response::new(200, "content-type: application/x-protobuf");
                // ExportMetricsServiceResponse: partial_success, rejected_data_points.
                response.body = vec![0x0a, 2, 0x08, rejected];
                response
            }
            Self::RemoteWrite => Response::new(200, header(self.times(body).len() - usize::from(rejected))),
        }
    }
}

fn header(written: usize) -> String {
    format!("x-prometheus-remote-write-samples-written: {written}")
}
