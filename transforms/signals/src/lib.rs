//! `signals`: metrics of facts that the Container Insights agents do not publish.
//!
//! CPU throttling, pressure stall information, out-of-memory kills, processes, ephemeral storage, volumes by claim, the agent's own figures,
//! and objects of the cluster.
//! docs/metrics.md lists every metric with unit and formula, the README of this crate describes the options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod agent;
mod cluster;
mod names;
mod node;
mod oom;
mod options;
mod pids;
mod pressure;
mod storage;
mod throttling;
mod volume;

use alloc::string::String;

use insights_sdk::{About, Batch, ConfigError, Settings, Transform};

use options::Options;

/// The configured transform.
#[derive(Debug)]
pub struct Signals {
    options: Options,
}

impl Transform for Signals {
    const ABOUT: About = About::new("signals", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&[
            "AutoScalingGroupName",
            "ClusterName",
            "FullPodName",
            "InstanceId",
            "InstanceType",
            "LaunchType",
            "Namespace",
            "NodeName",
            "PodName",
            "Service",
            "Type",
            "cgroup.version",
            "claim.*",
            "container.kind",
            "container.limit_ephemeral_storage_bytes",
            "cpu.periods",
            "cpu.quota_millicores",
            "cpu.throttled_ns",
            "cpu.throttled_periods",
            "fs.*",
            "ingress.count",
            "insightd.*",
            "label.*",
            "memory.oom_kills",
            "node.name",
            "owner.*",
            "persistentvolume.count",
            "pids.*",
            "pod.*",
            "psi.*",
            "replicas.available",
            "replicas.unavailable",
            "service.name",
            "volume.claim",
        ])
        .writes(&[
            "AutoScalingGroupName",
            "ClusterName",
            "FullPodName",
            "InstanceId",
            "InstanceType",
            "LaunchType",
            "Namespace",
            "NodeName",
            "PersistentVolumeClaimName",
            "PodName",
            "Service",
            "Sources",
            "Type",
            "agent_*",
            "container_*",
            "daemonset_*",
            "label.*",
            "namespace.name",
            "namespace_ingress_count",
            "node.name",
            "node_*",
            "owner.*",
            "persistent_volume_*",
            "pod.*",
            "pod_*",
            "service.name",
        ]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        match batch.scope() {
            "node" => node::publish(&self.options, batch),
            "cluster" => cluster::publish(&self.options, batch),
            _ => {}
        }
        Ok(())
    }
}

insights_sdk::export_transform!(Signals);
