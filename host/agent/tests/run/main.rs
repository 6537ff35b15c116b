//! `insightd run` as a process: its output, its signals, its exit codes.

mod agent;
mod cluster;
mod components;
mod fargate;
mod http;
mod kubelet;
mod prometheus;
mod signals;
mod sinks;
mod ticks;
