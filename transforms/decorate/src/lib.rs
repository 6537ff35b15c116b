//! `decorate`: joins kernel counters with the metadata of the kubelet, of ECS and of the cloud provider.
//!
//! Moves cgroup metrics onto the pod, task or container whose uid or id the cgroup path names. Every entity that becomes an
//! event gets the attribute `Type` and its identity: cluster, node, instance, namespace, pod, owner, service, task,
//! container. The README of this crate describes the options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod cluster;
mod event;
mod job;
mod join;
mod keys;
mod labels;
mod node;
mod options;
mod owner;
mod pod;
mod task;

use alloc::string::String;
use alloc::vec::Vec;

use insights_sdk::{About, Batch, ConfigError, Settings, Transform};

use keys::Keys;
use options::Options;

/// The configured transform.
#[derive(Debug)]
pub struct Decorate {
    options: Options,
}

impl Transform for Decorate {
    const ABOUT: About = About::new("decorate", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&[
            "cgroup.role",
            "cluster.name",
            "container.*",
            "container_instance.id",
            "cpu.usage_nanocores",
            "cpu.usage_ns",
            "device",
            "fs.capacity_bytes",
            "fs.inodes",
            "fs.type",
            "instance.*",
            "label.*",
            "memory.usage_bytes",
            "memory.working_set_bytes",
            "namespace.name",
            "network.host",
            "node.compute_type",
            "node.instance_type",
            "node.name",
            "orchestrator",
            "pod.*",
            "replicas.desired",
            "service.*",
            "task.*",
            "volume.*",
            "workload.*",
        ])
        .writes(&[
            "AccountID",
            "AutoScalingGroupName",
            "AvailabilityZone",
            "ClusterName",
            "ContainerInstanceId",
            "ContainerKnownStatus",
            "ContainerName",
            "CreatedAt",
            "EBSVolumeId",
            "EC2InstanceId",
            "FullPodName",
            "Image",
            "InstanceId",
            "InstanceType",
            "KnownStatus",
            "LaunchType",
            "Namespace",
            "NodeName",
            "PodName",
            "PullStartedAt",
            "PullStoppedAt",
            "Region",
            "Service",
            "ServiceName",
            "Sources",
            "StartedAt",
            "TaskDefinitionFamily",
            "TaskDefinitionRevision",
            "TaskId",
            "Type",
            "cgroup.path",
            "container.*",
            "container_last_termination_reason",
            "container_status",
            "container_status_reason",
            "device",
            "ebs_volume_id",
            "filesystem_type",
            "fstype",
            "k8s.node.name",
            "label.*",
            "node.health_status",
            "node.name",
            "node.orchestrator",
            "owner.*",
            "pod.*",
            "pod_status",
            "service.name",
            "task.id",
        ]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        let keys = Keys::new(batch);
        if batch.scope() == "cluster" {
            cluster::mark(&self.options, batch, &keys);
            return Ok(());
        }
        if batch.scope() == task::KIND {
            task::mark_own(&self.options, batch, &keys);
            return Ok(());
        }
        // Other scopes have no node, so there is nothing to decorate.
        let Some(node) = batch.node() else { return Ok(()) };
        let facts = node::facts(&self.options, *node, &keys);
        if facts.is_ecs {
            task::mark(&self.options, &batch.of_kind(task::KIND), &facts.shared, &keys);
        }
        let joined = join::join(batch, &keys, self.options.identify_all);
        let mut disks = Vec::new();
        // The machine below a Fargate pod is not the user's.
        if !facts.is_fargate {
            node::mark(*node, &facts, &keys, &mut disks);
        }
        if !facts.is_ecs {
            pod::mark(&self.options, batch, &facts, &keys, &joined, &disks);
        }
        Ok(())
    }
}

insights_sdk::export_transform!(Decorate);
