//! Points and series of requests of OTLP and of remote write, from their bytes.

use std::hash::{DefaultHasher, Hash, Hasher};

use insights_batch::protobuf::{Fields, Value, Varints};

/// Content type of requests of remote write 2.0.
pub(super) const REMOTE_WRITE: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// Lists of data points in a metric of OTLP: number of the field (gauge, sum, histogram, exponential histogram, summary), and of the
/// attributes in a point.
const LISTS: [(u64, u64); 5] = [(5, 7), (7, 7), (9, 9), (10, 1), (11, 7)];

/// The content of a request.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Points {
    pub(super) points: u64,
    /// Hash of the series of each point or list of samples.
    pub(super) series: Vec<u64>,
}

/// Reads an `ExportMetricsServiceRequest`. A series is a resource, a scope, a metric's name and a point's attributes, by their bytes.
/// Returns `None` if it is malformed.
pub(super) fn otlp(request: &[u8]) -> Option<Points> {
    let mut found = Points::default();
    for resource_metrics in parts(request, 1)? {
        let mut of_resource = DefaultHasher::new();
        parts(resource_metrics, 1)?.hash(&mut of_resource);
        for scope_metrics in parts(resource_metrics, 2)? {
            let mut of_scope = of_resource.clone();
            parts(scope_metrics, 1)?.hash(&mut of_scope);
            for metric in parts(scope_metrics, 2)? {
                let mut of_metric = of_scope.clone();
                parts(metric, 1)?.hash(&mut of_metric);
                for (list, attributes) in LISTS {
                    for list in parts(metric, list)? {
                        for point in parts(list, 1)? {
                            let mut series = of_metric.clone();
                            parts(point, attributes)?.hash(&mut series);
                            found.points += 1;
                            found.series.push(series.finish());
                        }
                    }
                }
            }
        }
    }
    Some(found)
}

/// Reads a `io.prometheus.write.v2.Request`. A series is its labels, by their text. Returns `None` if it is malformed.
pub(super) fn remote_write(request: &[u8]) -> Option<Points> {
    let symbols = parts(request, 4)?;
    let mut found = Points::default();
    for series in parts(request, 5)? {
        let mut hasher = DefaultHasher::new();
        for reference in parts(series, 1)?.into_iter().flat_map(Varints::new) {
            symbols.get(usize::try_from(reference).ok()?)?.hash(&mut hasher);
        }
        found.points += parts(series, 2)?.len() as u64;
        found.series.push(hasher.finish());
    }
    Some(found)
}

/// Returns the contents of the fields of a number that are strings, bytes or messages; `None` if any field is malformed.
fn parts(message: &[u8], number: u64) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    for field in Fields::new(message) {
        if let (found, Value::Bytes(content)) = field.ok()?
            && found == number
        {
            parts.push(content);
        }
    }
    Some(parts)
}
