//! The agent of ECS on this instance: its client, and what its responses add to batches.

#[cfg(feature = "aws")]
mod services;
#[cfg(not(feature = "aws"))]
#[path = "ecs/no_services.rs"]
mod services;

use std::sync::Arc;
use std::time::Instant;

use insightd_ecs::emit::{NodeEmitter, NodeEntities};
use insightd_ecs::introspection::IntrospectionSettings;
use insightd_ecs::{EcsData, EcsSettings, EcsWatch, TaskOrigins};
use insightd_upstream::UpstreamStatus;
use insights_batch::{Builder, EntityId};

use crate::config::{Config, Orchestrator};
use crate::error::Usage;
use services::Services;

/// Status of a task whose containers have cgroups, and of such a container.
const RUNNING: &str = "RUNNING";

/// The clients of the agent of ECS on this instance, and of the ECS API.
#[derive(Debug)]
pub struct EcsClients {
    watch: EcsWatch,
    services: Services,
}

impl EcsClients {
    /// Returns the status of all requests.
    pub(super) fn statuses(&self) -> Vec<Arc<UpstreamStatus>> {
        self.services.status().into_iter().chain([self.watch.status()]).cloned().collect()
    }

    /// Requests the tasks, for the next call of [`tasks`](Self::tasks).
    pub(super) fn request(&self) {
        self.watch.request();
    }

    /// Waits within bounds for the response to a request sent at `requested_at`.
    pub(super) fn tasks(&self, requested_at: Instant) -> Tasks {
        Tasks { data: self.watch.wait(), origins: self.services.origins(), requested_at }
    }
}

/// Starts the clients, unless the configuration disables them or the orchestrator is another one.
///
/// # Errors
/// [`Usage`] if the configured endpoint is invalid.
pub(super) fn start(config: &Config, is_for_long: bool) -> Result<Option<Arc<EcsClients>>, Usage> {
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
    let watch = watch.map_err(|error| Usage(format!("ecs.endpoint: {error}")))?;
    let services = Services::start(config, &watch, is_for_long);
    Ok(Some(Arc::new(EcsClients { watch, services })))
}

/// The tasks of a tick, as far as the agent of ECS has reported them.
#[derive(Debug)]
pub(super) struct Tasks {
    data: Option<Arc<EcsData>>,
    origins: Arc<TaskOrigins>,
    requested_at: Instant,
}

impl Tasks {
    /// Returns the name of the cluster.
    pub(super) fn cluster_name(&self) -> Option<&str> {
        self.data.as_ref()?.instance.cluster.as_deref()
    }

    /// Returns the ids of the running containers, each with the id of its task. Empty if the last response failed: the
    /// list may be old.
    pub(super) fn running(&self) -> impl Iterator<Item = (&str, &str)> {
        let fresh = self.data.as_deref().filter(|data| data.tasks_error.is_none());
        let tasks = fresh.and_then(|data| data.tasks.as_deref()).map_or(&[][..], |list| &list.tasks);
        let tasks = tasks.iter().filter(|task| task.known_status.as_deref() == Some(RUNNING));
        tasks.flat_map(|task| {
            // The introspection API has no status of containers.
            let is_running = |status: Option<&str>| status.is_none_or(|status| status == RUNNING);
            let running = task.containers.iter().filter(move |one| is_running(one.known_status.as_deref()));
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
        emitter.emit(data, &self.origins, self.requested_at, entities, builder);
        data?.tasks_error.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insightd_ecs::{Container, Task, TaskList};

    #[test]
    fn only_running_containers_of_a_fresh_list_are_expected() {
        let container = |id: Option<&str>, status: Option<&str>| Container {
            docker_id: id.map(Into::into),
            known_status: status.map(Into::into),
            ..Container::default()
        };
        let task = |id: &str, status: &str, containers| Task {
            id: id.into(),
            known_status: Some(status.into()),
            containers,
            ..Task::default()
        };
        let containers = vec![
            container(Some("a"), Some("RUNNING")),
            container(Some("b"), Some("STOPPED")),
            container(None, Some("RUNNING")),
            container(Some("c"), None),
        ];
        let stopped = task("u", "STOPPED", vec![container(Some("d"), None)]);
        let list = TaskList { tasks: vec![task("t", "RUNNING", containers), stopped], ..TaskList::default() };
        let mut data = EcsData { tasks: Some(Arc::new(list)), ..EcsData::default() };
        let of = |data| Tasks { data, origins: Arc::default(), requested_at: Instant::now() };
        let tasks = |data: &EcsData| of(Some(Arc::new(data.clone())));
        assert_eq!(tasks(&data).running().collect::<Vec<_>>(), [("a", "t"), ("c", "t")]);
        data.tasks_error = Some("timed out".into());
        assert_eq!(tasks(&data).running().count(), 0);
        assert_eq!(of(None).running().count(), 0);
    }

    #[test]
    fn the_orchestrator_and_the_configuration_decide() {
        let is_started = |text: &str| {
            let config = Config::parse(text, None, &crate::config::Environment::default()).unwrap();
            start(&config, false).map(|watch| watch.is_some()).map_err(|error| error.0)
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
