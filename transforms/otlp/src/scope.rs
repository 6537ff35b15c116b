//! Instrumentation scopes.

use alloc::vec::Vec;

use insightd_series::Source;

use crate::options::Options;
use crate::proto;

/// Sources in the order of their scopes.
pub(crate) const SOURCES: [Source; 6] = [
    Source::Cadvisor,
    Source::Kubelet,
    Source::NodeExporter,
    Source::StateMetrics,
    Source::Conventions,
    Source::Published,
];

/// Number of attributes that a scope can have.
pub(crate) const ATTRIBUTES: usize = 3;

/// Returns name and pipeline of a source.
fn names(source: Source) -> (&'static str, Option<&'static str>) {
    match source {
        Source::Cadvisor => ("github.com/google/cadvisor", Some("cadvisor")),
        Source::Kubelet => ("github.com/kubernetes/kubelet", None),
        Source::NodeExporter => ("github.com/prometheus/node_exporter", Some("node-exporter")),
        Source::StateMetrics => ("github.com/kubernetes/kube-state-metrics", Some("kube-state-metrics")),
        Source::Conventions | Source::Published => ("insightd", None),
    }
}

/// Appends the fields of the `InstrumentationScope` of a source.
pub(crate) fn write(out: &mut Vec<u8>, source: Source, options: &Options) {
    let (name, pipeline) = names(source);
    proto::bytes(out, 1, name.as_bytes());
    if name == "insightd" {
        proto::bytes(out, 2, env!("CARGO_PKG_VERSION").as_bytes());
    }
    if let Some(pipeline) = pipeline.filter(|_| options.source_attributes) {
        proto::attribute(out, 3, "", "cloudwatch.source", "cloudwatch-agent");
        proto::attribute(out, 3, "", "cloudwatch.solution", "k8s-otel-container-insights");
        proto::attribute(out, 3, "", "cloudwatch.pipeline", pipeline);
    }
}
