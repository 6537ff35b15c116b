//! Decodes requests with `opentelemetry-proto`.

use std::collections::BTreeMap;

use insightd_series::Kind;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric, metric, number_data_point};
use prost::Message;

/// Attributes by key.
pub(crate) type Attributes = BTreeMap<String, String>;

/// A point with everything around it.
#[derive(Clone, Debug)]
pub(crate) struct Decoded {
    /// Attributes of the resource.
    pub(crate) resource: Attributes,
    /// Name and attributes of the scope.
    pub(crate) scope: (String, Attributes),
    /// Name of the metric.
    pub(crate) name: String,
    /// Description of the metric.
    pub(crate) description: String,
    /// Unit of the metric.
    pub(crate) unit: String,
    /// Type of the metric.
    pub(crate) kind: Kind,
    /// Attributes of the point.
    pub(crate) labels: Attributes,
    /// Start, 0 if it is unknown.
    pub(crate) start_unix_nano: u64,
    /// Time of the point.
    pub(crate) time_unix_nano: u64,
    /// Value.
    pub(crate) value: f64,
}

impl Decoded {
    /// Returns an attribute of the point.
    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }
}

/// Returns all points of a request. No resource, scope or metric is empty.
pub(crate) fn decode(bytes: &[u8]) -> Vec<Decoded> {
    let request = ExportMetricsServiceRequest::decode(bytes).expect("a request");
    let mut points = Vec::new();
    for of_resource in request.resource_metrics {
        let resource = attributes(of_resource.resource.expect("a resource").attributes);
        assert!(!of_resource.scope_metrics.is_empty());
        for of_scope in of_resource.scope_metrics {
            let scope = of_scope.scope.expect("a scope");
            assert!(!of_scope.metrics.is_empty());
            for metric in of_scope.metrics {
                let scope = (scope.name.clone(), attributes(scope.attributes.clone()));
                let before = points.len();
                add(&mut points, metric, &resource, &scope);
                assert!(points.len() > before, "a metric without points");
            }
        }
    }
    points
}

fn add(points: &mut Vec<Decoded>, metric: Metric, resource: &Attributes, scope: &(String, Attributes)) {
    let (kind, data) = match metric.data.expect("data") {
        metric::Data::Gauge(gauge) => (Kind::Gauge, gauge.data_points),
        metric::Data::Sum(sum) => {
            assert_eq!(sum.aggregation_temporality, AggregationTemporality::Cumulative as i32);
            (if sum.is_monotonic { Kind::Counter } else { Kind::UpDown }, sum.data_points)
        }
        other => panic!("{other:?}"),
    };
    for point in data {
        let Some(number_data_point::Value::AsDouble(value)) = point.value else { panic!("{point:?}") };
        points.push(Decoded {
            resource: resource.clone(),
            scope: scope.clone(),
            name: metric.name.clone(),
            description: metric.description.clone(),
            unit: metric.unit.clone(),
            kind,
            labels: attributes(point.attributes),
            start_unix_nano: point.start_time_unix_nano,
            time_unix_nano: point.time_unix_nano,
            value,
        });
    }
}

fn attributes(list: Vec<KeyValue>) -> Attributes {
    let mut attributes = Attributes::new();
    for KeyValue { key, value, .. } in list {
        let Some(any_value::Value::StringValue(text)) = value.and_then(|value| value.value) else {
            panic!("{key} is no text")
        };
        assert!(attributes.insert(key.clone(), text).is_none(), "attribute {key} twice");
    }
    attributes
}
