//! `decorate`: what each figure belongs to.
//!
//! Joins the kernel's cgroups with the kubelet's pods and containers, then gives every entity that becomes an event its
//! `Type` and the attributes that dashboards group by. Which attributes, and the options, are in the README of this crate.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod events;
mod join;
mod options;
mod owners;
mod status;

use alloc::string::String;

use insights_sdk::{About, Batch, ConfigError, Settings, Transform};

use options::Options;

/// The transform, configured.
#[derive(Debug)]
pub struct Decorate {
    options: Options,
}

impl Transform for Decorate {
    const ABOUT: About = About::new("decorate", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&[
            "cgroup.*",
            "cluster.name",
            "container.*",
            "device",
            "fs.type",
            "instance.*",
            "label.*",
            "node.name",
            "orchestrator",
            "pod.*",
            "service.*",
            "volume.*",
            "workload.*",
        ])
        .writes(&[
            "AutoScalingGroupName",
            "ClusterName",
            "ContainerInstanceId",
            "ContainerName",
            "EBSVolumeId",
            "FullPodName",
            "InstanceId",
            "InstanceType",
            "Namespace",
            "NodeName",
            "PodName",
            "Service",
            "Sources",
            "Type",
            "container_last_termination_reason",
            "container_status",
            "container_status_reason",
            "ebs_volume_id",
            "filesystem_type",
            "fstype",
            "owner.*",
            "pod_status",
        ]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        let joined = join::join(batch);
        events::mark(batch, &self.options, &joined);
        Ok(())
    }
}

insights_sdk::export_transform!(Decorate);
