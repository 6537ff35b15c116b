//! `topk`: keeps the busiest pods and sums the others into one entity.
//!
//! The README of this crate describes the options.
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod options;
mod rest;

use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use insights_sdk::{About, Batch, ConfigError, Entity, Settings, Transform};

use options::Options;
use rest::Rest;

/// The configured transform.
#[derive(Debug)]
pub struct TopK {
    options: Options,
}

impl Transform for TopK {
    const ABOUT: About = About::new("topk", env!("CARGO_PKG_VERSION"))
        .config_schema(include_str!("config.schema.json"))
        .reads(&[
            "AutoScalingGroupName",
            "ClusterName",
            "InstanceId",
            "InstanceType",
            "Namespace",
            "NodeName",
            "Type",
            "node.name",
            "pod.*",
            "pod_*",
        ])
        .writes(&[
            "AutoScalingGroupName",
            "ClusterName",
            "InstanceId",
            "InstanceType",
            "Namespace",
            "NodeName",
            "Type",
            "node.name",
            "pod.namespace",
            "rest_*",
        ]);

    fn configure(settings: &mut Settings) -> Result<Self, ConfigError> {
        Ok(Self { options: Options::read(settings) })
    }

    fn process(&self, batch: &Batch) -> Result<(), String> {
        // A cluster's batch has pods too: those not bound to a node, which use nothing.
        let Some(node) = batch.node().filter(|_| batch.scope() == "node") else { return Ok(()) };
        let by = batch.name(&self.options.by);
        let mut pods: Vec<_> = batch
            .of_kind("pod")
            .into_iter()
            .filter(|pod| pod.attribute("Type") == Some("Pod"))
            .map(|pod| (pod.gauge(by), pod))
            .collect();
        pods.sort_by(busiest_first);
        let mut rest = Rest::new(&self.options, batch, *node);
        for (_, pod) in pods.into_iter().skip(self.options.count) {
            rest.add(pod);
            pod.remove();
        }
        Ok(())
    }
}

/// Orders pods by the metric, highest first; pods without it come last. Names break ties, so that the same pods are kept on
/// every tick.
fn busiest_first(left: &(Option<f64>, Entity<'_>), right: &(Option<f64>, Entity<'_>)) -> Ordering {
    let values = right.0.partial_cmp(&left.0).unwrap_or(Ordering::Equal);
    values.then_with(|| {
        let name = |key| left.1.attribute(key).cmp(&right.1.attribute(key));
        name("pod.namespace").then_with(|| name("pod.name")).then_with(|| left.1.id().cmp(right.1.id()))
    })
}

insights_sdk::export_transform!(TopK);
