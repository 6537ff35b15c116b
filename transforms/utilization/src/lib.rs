//! `utilization`: computes the metrics of Container Insights from raw metrics.
//!
//! Every entity that `decorate` turned into an event (attribute `Type`) gets its metrics: usage of CPU and memory,
//! utilization of capacity and limits, network, disk and file system metrics, counts and states. The raw metrics are removed
//! afterwards. docs/metrics.md lists every metric with unit and formula, the README of this crate describes the options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod cluster;
mod counts;
mod demand;
mod disk;
mod filesystem;
mod joined;
mod metrics;
mod network;
mod node;
mod options;
mod pod;
mod raw;
mod run;
mod status;
mod sweep;
mod task;
mod uplink;
mod usage;

use alloc::string::String;

use insights_sdk::{About, Batch, ConfigError, Settings, Transform};

use options::Options;

/// The configured transform.
#[derive(Debug)]
pub struct Utilization {
    options: Options,
}

impl Transform for Utilization {
    const ABOUT: About = About::new("utilization", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&[
            "Type",
            "agent.heartbeat",
            "cgroup.version",
            "cluster.*",
            "container.*",
            "cpu.*",
            "ecs.age_ms",
            "endpoints.ready",
            "fs.*",
            "interface",
            "interface.*",
            "io.*",
            "kubelet.age_ms",
            "memory.*",
            "network.*",
            "node.*",
            "pod.*",
            "pods.phase.running",
            "replicas.*",
            "task.*",
        ])
        .writes(&[
            "Container*",
            "Cpu*",
            "EphemeralStorage*",
            "Memory*",
            "Network*",
            "RestartCount",
            "Storage*",
            "Task*",
            "Type",
            "UnHealthyContainerHealthStatus",
            "cluster_*",
            "container_*",
            "hyperpod_*",
            "instance_*",
            "namespace_*",
            "node_*",
            "number_of_container_restarts",
            "pod_*",
            "replicas_*",
            "service_*",
            "status_replicas_*",
        ]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        run::run(&self.options, batch);
        Ok(())
    }
}

insights_sdk::export_transform!(Utilization);
