//! Tasks and containers of Amazon ECS.
//!
//! ```text
//! introspection   the ECS agent of this instance: cluster, container instance, tasks, containers
//! services        the ECS API: the services of the instance's tasks, which the ECS agent does not know
//! metadata        the task metadata endpoint v4 of the agent's own task: limits, tags, Docker's statistics
//! ```
//!
//! [`EcsWatch`] and [`TaskWatch`] send the requests in the background. A tick requests new data, waits for it within bounds,
//! and passes it to an emitter of [`emit`], which adds it to a batch under raw names.
//!
//! The first and the last are plain HTTP without authentication, and any process of the host's network may answer in their place.
//! Responses are therefore bounded in bytes, rows and lengths, and a value of another type than the documented one costs
//! only its field, at worst its row. The requests to the ECS API are behind the feature `client`.

#![forbid(unsafe_code)]

mod arn;
pub mod emit;
mod facts;
mod fetch;
pub mod introspection;
mod json;
pub mod metadata;
#[cfg(feature = "client")]
pub mod services;
pub mod watch;
mod wire;

pub use facts::{
    Container, ContainerLimits, EphemeralStorage, Instance, Task, TaskLimits, TaskList, TaskOrigin,
    TaskOrigins,
};
pub use fetch::UrlError;
pub use json::{JsonError, Problems};
pub use watch::{EcsData, EcsSettings, EcsWatch, TaskData, TaskSettings, TaskWatch};
