//! The ECS agent of an instance as a source.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use insightd_upstream::{UpstreamStatus, lock};
use jiff::Timestamp;

use super::EcsData;
use super::handle::Source;
use crate::facts::{Instance, TaskList};
use crate::introspection::{Introspection, IntrospectionError};
use crate::json::Problems;

/// Time after which a known container instance is requested again: an agent whose state was deleted registers anew, with
/// another id.
const INSTANCE_PERIOD: Duration = Duration::from_secs(600);

/// The state of the requests to the ECS agent.
pub(super) struct InstanceSource {
    client: Introspection,
    status: Arc<UpstreamStatus>,
    addresses: Arc<Mutex<Vec<IpAddr>>>,
    data: EcsData,
    instance_read_at: Option<Instant>,
    /// Time of the first failed request for the tasks since the last good one.
    failing_since: Option<Timestamp>,
    /// True if parts of the last list were left out.
    had_problems: bool,
}

impl InstanceSource {
    pub(super) fn new(
        client: Introspection,
        status: Arc<UpstreamStatus>,
        addresses: Arc<Mutex<Vec<IpAddr>>>,
    ) -> Self {
        Self {
            client,
            status,
            addresses,
            data: EcsData::default(),
            instance_read_at: None,
            failing_since: None,
            had_problems: false,
        }
    }

    fn is_instance_due(&self, now: Instant) -> bool {
        let Instance { cluster, container_instance_id, .. } = &self.data.instance;
        let is_known = cluster.is_some() && container_instance_id.is_some();
        let age = |read_at| now.saturating_duration_since(read_at);
        !is_known || self.instance_read_at.is_none_or(|read_at| age(read_at) >= INSTANCE_PERIOD)
    }

    fn set_instance(&mut self, result: Result<(Instance, Problems), IntrospectionError>) {
        let (instance, problems) = match result {
            Ok(read) => read,
            Err(error) => {
                self.data.instance_error = Some(error.to_string());
                return;
            }
        };
        self.data.instance_error = None;
        self.instance_read_at = Some(Instant::now());
        // An agent that restarts has no id for some seconds; the instance keeps it unless the agent registers anew.
        let known = &self.data.instance;
        let instance = Instance {
            cluster: instance.cluster.or(known.cluster.clone()),
            container_instance_id: instance.container_instance_id.or(known.container_instance_id.clone()),
            agent_version: instance.agent_version.or(known.agent_version.clone()),
        };
        if *known != instance {
            let Instance { cluster, container_instance_id, agent_version } = &instance;
            tracing::info!(
                address = self.client.address(),
                cluster,
                container_instance_id,
                agent_version,
                problem = problems.first,
                "identified the container instance"
            );
            self.data.instance = instance;
        }
    }

    fn set_tasks(&mut self, result: Result<TaskList, IntrospectionError>) {
        match result {
            Ok(list) => {
                self.log_problems(&list.problems);
                self.failing_since = None;
                self.data.tasks = Some(Arc::new(list));
                self.data.tasks_read_at = Some(Instant::now());
                self.data.tasks_error = None;
            }
            Err(error) => {
                let since = *self.failing_since.get_or_insert_with(Timestamp::now);
                self.data.tasks_error = Some(format!("failing since {since:.0}: {error}"));
            }
        }
    }

    fn log_problems(&mut self, problems: &Problems) {
        let has_problems = !problems.is_empty();
        if has_problems && !self.had_problems {
            let Problems { fields, rows, first } = problems;
            tracing::warn!(fields, rows, first, "parts of the ECS agent's task list are left out");
        }
        self.had_problems = has_problems;
    }
}

impl Source for InstanceSource {
    type Data = EcsData;

    async fn poll(&mut self) -> EcsData {
        self.client.set_addresses(lock(&self.addresses).clone());
        if self.is_instance_due(Instant::now()) {
            let result = self.client.instance(&self.status).await;
            self.set_instance(result);
        }
        let result = self.client.tasks(&self.status).await;
        let error = result.as_ref().err().map(IntrospectionError::to_string);
        self.set_tasks(result);
        // The error text without its time: the log has one line for each new text.
        match error.or_else(|| self.data.instance_error.clone()) {
            Some(error) => self.status.failed(error),
            None => self.status.succeeded(),
        }
        self.data.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::introspection::IntrospectionSettings;

    fn source() -> InstanceSource {
        let client = Introspection::new(IntrospectionSettings::default()).unwrap();
        InstanceSource::new(client, Arc::new(UpstreamStatus::new("ecs")), Arc::default())
    }

    fn instance(cluster: Option<&str>, id: Option<&str>) -> Instance {
        Instance {
            cluster: cluster.map(Box::from),
            container_instance_id: id.map(Box::from),
            ..Instance::default()
        }
    }

    #[test]
    fn a_known_instance_is_requested_every_ten_minutes() {
        let mut source = source();
        assert!(source.is_instance_due(Instant::now()));
        source.set_instance(Ok((instance(Some("c"), None), Problems::default())));
        assert!(source.is_instance_due(Instant::now()), "not registered yet");
        source.set_instance(Ok((instance(Some("c"), Some("1")), Problems::default())));
        let read_at = source.instance_read_at.unwrap();
        assert!(!source.is_instance_due(read_at + INSTANCE_PERIOD - Duration::from_secs(1)));
        assert!(source.is_instance_due(read_at + INSTANCE_PERIOD));
    }

    #[test]
    fn an_instance_keeps_its_id_until_it_has_another() {
        let mut source = source();
        for (read, id) in [(Some("1"), "1"), (None, "1"), (Some("2"), "2")] {
            source.set_instance(Ok((instance(Some("c"), read), Problems::default())));
            assert_eq!(source.data.instance, instance(Some("c"), Some(id)));
        }
        let error = IntrospectionError::NoResponse { path: "/v1/metadata", attempts: "refused".into() };
        source.set_instance(Err(error));
        assert_eq!(source.data.instance, instance(Some("c"), Some("2")));
        assert!(source.data.instance_error.as_deref().unwrap().contains("refused"));
    }
}
