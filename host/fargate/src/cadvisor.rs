//! cAdvisor's samples of one Fargate node as raw entities.
//!
//! The kubelet publishes one row per metric and cgroup, with the labels `id` (path of the cgroup), `pod`, `namespace`,
//! `container`, `image` and `name`, and with the time of cAdvisor's reading as the timestamp:
//!
//! | row | labels | becomes |
//! |---|---|---|
//! | pod | `id` is a pod's path; `container` is empty | `cgroup` with role `pod` |
//! | container | `id` is a container's path; `container` is its name | `cgroup` with role `container` |
//! | sandbox | `id` is a container's path; `container` is empty or `POD` | only its network rows, as `interface` below the pod |
//! | other | `pod` is empty: the root and its slices | nothing |
//! | machine | no labels | gauges of the `node` |
//!
//! [`NodeReader`] collects the samples of one response into a [`NodeReading`], which is emitted once the response is complete.
//!
//! Counters follow the rules of the cgroup reader. The time between two readings is that of cAdvisor's timestamps, since
//! cAdvisor reads each cgroup at its own intervals: a repeated timestamp gives no rate and keeps the earlier reading as the
//! baseline. A row without a timestamp has no previous reading. A changed start time is another cgroup under the same path.

mod emit;
mod network;
mod raw_metric;
mod reader;
mod reading;
mod rows;
#[cfg(test)]
mod tests;

pub use emit::NodeIdentity;
pub use reader::{NodeReader, ReadingLimits};
pub use reading::NodeReading;
