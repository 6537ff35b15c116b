//! Tasks and containers of Amazon ECS.
//!
//! ```text
//! introspection   the ECS agent of this instance: cluster, container instance, tasks, containers
//! ```
//!
//! [`EcsWatch`] sends the requests in the background; a tick asks for a refresh and waits for it within bounds.
//!
//! The endpoint is plain HTTP without authentication, and any process of the host's network may answer in its place.
//! Responses are therefore bounded in bytes, rows and lengths, and a value of another type than the documented one costs
//! only its field, at worst its row.

#![forbid(unsafe_code)]

mod arn;
mod facts;
mod fetch;
pub mod introspection;
mod json;
pub mod watch;
mod wire;

pub use facts::{
    Container, ContainerLimits, EphemeralStorage, Instance, Task, TaskLimits, TaskList, TaskOrigin,
    TaskOrigins,
};
pub use fetch::UrlError;
pub use json::{JsonError, Problems};
pub use watch::{EcsData, EcsSettings, EcsWatch};
