//! Kubernetes Events for operators: components that fail, endpoints that do not respond, events that are lost.

mod components;
mod endpoints;

pub use components::ComponentEvents;
pub(crate) use endpoints::publish_failures;
