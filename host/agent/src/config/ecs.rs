//! `ecs:` the agent of Amazon ECS on this instance.

use std::time::Duration;

use super::kubernetes::ENABLED;
use super::reader::{Section, flag, one_of};
use super::values;

/// Maximum number of tags of a resource in AWS.
const MAX_TAGS: usize = 50;

/// Access to the agent of ECS on this instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ecs {
    /// `true` or `false` if configured; if absent, the agent of ECS is queried if the orchestrator is ECS.
    pub enabled: Option<bool>,
    /// Address of its introspection API; the instance's own addresses if absent.
    pub endpoint: Option<String>,
    /// Time limit of one response.
    pub timeout: Duration,
    /// `true` to request the services of tasks from the ECS API.
    pub services: bool,
    /// Address of the ECS API; that of the region if absent.
    pub services_endpoint_url: Option<String>,
    /// Keys of the tags of tasks that are collected.
    pub tags: Vec<String>,
}

impl Default for Ecs {
    fn default() -> Self {
        Self {
            enabled: None,
            endpoint: None,
            timeout: Duration::from_secs(1),
            services: true,
            services_endpoint_url: None,
            tags: Vec::new(),
        }
    }
}

/// Reads the section.
pub(super) fn read(section: &Section<'_>) -> Ecs {
    let default = Ecs::default();
    let tags = section.texts("tags").unwrap_or_default();
    if tags.len() > MAX_TAGS {
        section.problem("tags", format!("at most {MAX_TAGS} keys: a task has no more tags"));
    }
    let ecs = Ecs {
        enabled: section.value("enabled", one_of(&ENABLED)).flatten(),
        endpoint: section.text("endpoint"),
        timeout: section.value("timeout", timeout).unwrap_or(default.timeout),
        services: section.value("services", flag).unwrap_or(default.services),
        services_endpoint_url: section.value("services_endpoint_url", super::aws::endpoint),
        tags,
    };
    section.finish();
    ecs
}

fn timeout(text: &str) -> Result<Duration, String> {
    match values::duration(text)? {
        Duration::ZERO => Err("must be more than 0ms".into()),
        time if time > Duration::from_secs(30) => Err("must be 30s or less".into()),
        time => Ok(time),
    }
}
