//! Tests of the agent on ECS: an instance with real cgroups, processes and networks, and a task beside which the agent runs.

mod cgroups;
mod endpoint;
mod instance;
mod sidecar;
