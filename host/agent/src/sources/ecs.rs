//! The agent of ECS on this instance: its client, and what its responses add to batches.

use std::sync::Arc;
use std::time::Instant;

use insightd_ecs::emit::{NodeEmitter, NodeEntities};
use insightd_ecs::introspection::IntrospectionSettings;
use insightd_ecs::{EcsData, EcsSettings, EcsWatch, TaskOrigins};
use insights_batch::{Builder, EntityId};

use crate::config::{Config, Orchestrator};
use crate::error::Usage;

/// Status of a container that has a cgroup.
const RUNNING: &str = "RUNNING";

/// Starts the client, unless the configuration disables it or the orchestrator is another one.
///
/// # Errors
/// [`Usage`] if the configured endpoint is invalid.
pub(super) fn start(config: &Config) -> Result<Option<Arc<EcsWatch>>, Usage> {
    let wanted = &config.ecs;
    if !wanted.enabled.unwrap_or(config.node.orchestrator == Orchestrator::Ecs) {
        return Ok(None);
    }
    let introspection = IntrospectionSettings {
        endpoint: wanted.endpoint.clone(),
        addresses: Vec::new(),
        timeout: wanted.timeout,
    };
    let watch = EcsWatch::start(EcsSettings { introspection, interval: config.interval });
    watch.map(|watch| Some(Arc::new(watch))).map_err(|error| Usage(format!("ecs.endpoint: {error}")))
}

/// The tasks of a tick, as far as the agent of ECS has reported them.
#[derive(Debug)]
pub(super) struct Tasks {
    data: Option<Arc<EcsData>>,
    requested_at: Instant,
}

impl Tasks {
    /// Waits within bounds for the response to a request sent at `requested_at`.
    pub(super) fn wait(watch: &EcsWatch, requested_at: Instant) -> Self {
        Self { data: watch.wait(), requested_at }
    }

    /// Returns the name of the cluster.
    pub(super) fn cluster_name(&self) -> Option<&str> {
        self.data.as_ref()?.instance.cluster.as_deref()
    }

    /// Returns the ids of the running containers, each with the id of its task. Empty if the last response failed: the
    /// list may be old.
    pub(super) fn running(&self) -> impl Iterator<Item = (&str, &str)> {
        let fresh = self.data.as_deref().filter(|data| data.tasks_error.is_none());
        let tasks = fresh.and_then(|data| data.tasks.as_deref()).map_or(&[][..], |list| &list.tasks);
        tasks.iter().flat_map(|task| {
            let running = task.containers.iter().filter(|one| one.known_status.as_deref() == Some(RUNNING));
            running.filter_map(|container| Some((container.docker_id.as_deref()?, &*task.id)))
        })
    }

    /// Adds the tasks to the batch. `instance` gets the id of the container instance; it is absent if the id is configured.
    /// Returns the error text of the last request, if it failed.
    pub(super) fn emit(
        &self,
        emitter: &mut NodeEmitter,
        node: EntityId,
        instance: Option<EntityId>,
        builder: &mut Builder,
    ) -> Option<String> {
        let entities = NodeEntities { node, instance };
        let data = self.data.as_deref();
        emitter.emit(data, &TaskOrigins::default(), self.requested_at, entities, builder);
        data?.tasks_error.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insightd_ecs::{Container, Task, TaskList};

    #[test]
    fn only_running_containers_of_a_fresh_list_are_expected() {
        let container = |id: Option<&str>, status: &str| Container {
            docker_id: id.map(Into::into),
            known_status: Some(status.into()),
            ..Container::default()
        };
        let containers = vec![
            container(Some("a"), "RUNNING"),
            container(Some("b"), "STOPPED"),
            container(None, "RUNNING"),
            container(Some("c"), "PULLED"),
        ];
        let task = Task { id: "t".into(), containers, ..Task::default() };
        let list = TaskList { tasks: vec![task], ..TaskList::default() };
        let mut data = EcsData { tasks: Some(Arc::new(list)), ..EcsData::default() };
        let tasks =
            |data: &EcsData| Tasks { data: Some(Arc::new(data.clone())), requested_at: Instant::now() };
        assert_eq!(tasks(&data).running().collect::<Vec<_>>(), [("a", "t")]);
        data.tasks_error = Some("timed out".into());
        assert_eq!(tasks(&data).running().count(), 0);
        assert_eq!(Tasks { data: None, requested_at: Instant::now() }.running().count(), 0);
    }

    #[test]
    fn the_orchestrator_and_the_configuration_decide() {
        let is_started = |text: &str| {
            let config = Config::parse(text, None, &crate::config::Environment::default()).unwrap();
            start(&config).map(|watch| watch.is_some()).map_err(|error| error.0)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _context = runtime.enter();
        assert_eq!(is_started("node: {orchestrator: eks}"), Ok(false));
        assert_eq!(is_started("node: {orchestrator: ecs}"), Ok(true));
        assert_eq!(is_started("node: {orchestrator: ecs}\necs: {enabled: false}"), Ok(false));
        assert_eq!(is_started("node: {orchestrator: host}\necs: {enabled: true}"), Ok(true));
        let error = is_started("node: {orchestrator: ecs}\necs: {endpoint: nonsense}").unwrap_err();
        assert!(error.starts_with("ecs.endpoint: "), "{error}");
    }
}
