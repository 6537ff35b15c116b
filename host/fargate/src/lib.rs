//! Facts about EKS Fargate nodes, which run no agent of their own: a Fargate pod has its node for itself and can mount
//! nothing of it.
//!
//! [`cadvisor`] turns the samples of a kubelet's `/metrics/cadvisor` into the raw entities that
//! [`insightd_collect`] emits for the cgroups of an ordinary node, so that the same transforms apply. [`shard`] decides which
//! replica of the agent reads a node. Neither sends requests; that is the task of `insightd_kubernetes::fargate`.

#![forbid(unsafe_code)]

pub mod cadvisor;
mod fnv;
pub mod shard;
