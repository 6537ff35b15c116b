//! Metric families of the Prometheus and OpenTelemetry worlds, made from the raw names of a batch.
//!
//! Two tables drive the formatters `prometheus` and `otlp`: [`PROMETHEUS`] has the names of cAdvisor, the kubelet, node_exporter
//! and kube-state-metrics, [`SEMCONV`] those of OpenTelemetry's semantic conventions. [`Series`] finds the objects of a batch that
//! `decorate` has joined, and yields, family by family, one [`Point`] for each value that exists. A value that is absent from the
//! batch has no point.
//!
//! A formatter receives slices of a batch, so the labels of a point come from its own entity, or from a pod above it; they
//! never depend on which other entities are in the slice.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod each;
mod family;
mod identity;
#[cfg(not(target_family = "wasm"))]
pub mod page;
mod published;
mod select;
mod series;
mod subject;
mod table;
mod text;
mod value;

pub use family::{Family, Kind, On, Row, Rows, Source, Text};
pub use select::Selection;
pub use series::{Group, Point, Series};
pub use subject::{PodLabel, Subject};
pub use table::{PROMETHEUS, SEMCONV, Table};
pub use text::{cut, is_metric_name, unit_of};
pub use value::Value;

/// Raw and other names that the tables read. Some belong to groups that the host reads only because they are named here.
pub const READS: &[&str] = &[
    "ClusterName",
    "InstanceId",
    "InstanceType",
    "Type",
    "cgroup.*",
    "container.*",
    "cpu.*",
    "cputime.*",
    "cronjob.*",
    "device",
    "diskstats.*",
    "fs.*",
    "interface",
    "io.*",
    "job.*",
    "label.*",
    "load.*",
    "meminfo.*",
    "memory.*",
    "mount.point",
    "namespace.name",
    "network.*",
    "node.*",
    "owner.*",
    "pids.*",
    "pod.*",
    "psi.*",
    "replicas.*",
    "start.*",
    "status.*",
    "volume.*",
    "workload.*",
];
