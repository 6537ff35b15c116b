//! Tests of the endpoints over real connections, against a server that follows the documented shapes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod introspection;
mod metadata;
mod server;
mod watch;

use server::Response;

/// The documented response of `/v1/metadata`.
pub(crate) const METADATA: &str = r#"{"Cluster":"default","ContainerInstanceArn":
    "arn:aws:ecs:us-west-2:012345678910:container-instance/default/1f73d099-b914-411c-a9ff-81633b7741dd",
    "Version":"Amazon ECS Agent - v1.30.0 (02ff320c)"}"#;

/// Returns the documented response of `/v1/tasks` with `count` tasks.
pub(crate) fn tasks(count: usize) -> String {
    let task = |id| {
        format!(
            r#"{{"Arn":"arn:aws:ecs:us-west-2:012345678910:task/default/{id:032x}","DesiredStatus":"RUNNING",
            "KnownStatus":"RUNNING","Family":"hello_world","Version":"8","Containers":[
            {{"DockerId":"{id:064x}","DockerName":"ecs-hello_world-8-mysql-fcae8ac8f9f1d89d8301","Name":"mysql"}}]}}"#
        )
    };
    format!("{{\"Tasks\":[{}]}}", (0..count).map(task).collect::<Vec<_>>().join(","))
}

/// Responds as the agent does.
pub(crate) fn agent(path: &str) -> Response {
    match path {
        "/v1/metadata" => Response::ok(METADATA),
        "/v1/tasks" => Response::ok(tasks(2)),
        _ => Response::Reply(404, "page not found".into()),
    }
}
