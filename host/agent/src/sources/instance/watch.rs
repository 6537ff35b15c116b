//! The EC2 instance that the agent runs on.

use std::sync::Arc;
use std::time::Duration;

use insightd_aws::settings::AwsSettings;
use insightd_collect::{HostRoot, ReadBuffer};
use insightd_instance::machine::Machine;
use insightd_instance::{Access, InstanceSettings, InstanceWatch, NOT_EC2, imds};

use crate::config::{Config, Orchestrator};
use crate::sources::missing::unknown_cluster_name;

/// Maximum random delay before the first request to the EC2 API, which allows about 20 requests per second for a whole account.
const JITTER: Duration = Duration::from_secs(30);

/// Starts the instance watch. Returns `None` if it is disabled, if the machine is not an EC2 instance, or if the
/// configuration already contains everything that is needed.
pub(in crate::sources) fn start(config: &Config, is_for_long: bool) -> Option<Arc<InstanceWatch>> {
    let machine = || machine(config);
    let is_certain = is_worth_asking(config.instance.enabled, machine);
    let settings = settings(config, is_certain.unwrap_or(false), is_for_long)?;
    if is_certain.is_none() {
        if config.instance.enabled.is_none() && !imds::is_disabled() {
            tracing::info!("{NOT_EC2}");
        }
        return None;
    }
    Some(Arc::new(InstanceWatch::start(settings)))
}

/// Decides if the instance metadata service is queried. `None`: it is not. `Some(true)`: a service certainly exists, so
/// a missing response is an error. `Some(false)`: the kind of machine is unknown.
fn is_worth_asking(enabled: Option<bool>, machine: impl FnOnce() -> Machine) -> Option<bool> {
    match enabled {
        Some(true) => Some(true),
        Some(false) => None,
        None if imds::is_disabled() => None,
        None if imds::has_custom_endpoint() => Some(true),
        None => match machine() {
            Machine::Ec2 => Some(true),
            Machine::Unknown => Some(false),
            Machine::Other => None,
        },
    }
}

fn machine(config: &Config) -> Machine {
    let Ok(root) = HostRoot::open(&config.host.root) else { return Machine::Unknown };
    let mut buffer = ReadBuffer::default();
    Machine::detect(|path| {
        let text = root.read(path, &mut buffer).ok().flatten()?;
        std::str::from_utf8(text).ok().map(str::to_owned)
    })
}

/// Derives the watch settings. Returns `None` if the configuration already contains everything that is needed.
fn settings(config: &Config, is_certain: bool, is_for_long: bool) -> Option<InstanceSettings> {
    let (wanted, has_node) = (&config.instance, config.role.has_node());
    // The cluster of an ECS instance is not in its tags.
    let wants_cluster_name =
        config.node.cluster_name.is_none() && config.node.orchestrator != Orchestrator::Ecs && wanted.tags;
    if !has_node && !wants_cluster_name {
        return None;
    }
    let wants_group = has_node && config.node.instance.autoscaling_group.is_none();
    Some(InstanceSettings {
        is_certain,
        imds_endpoint: None,
        // The instance is in the agent's own account, whatever role the sinks use to deliver elsewhere.
        access: Access::Load(AwsSettings {
            endpoint_url: wanted.endpoint_url.clone(),
            role: None,
            ..config.aws.clone()
        }),
        tags: wanted.tags && (wants_cluster_name || wants_group),
        wants_cluster_name,
        unknown_cluster_name: unknown_cluster_name(config),
        volumes: wanted.volumes && has_node,
        refresh: wanted.refresh,
        start_jitter: if is_for_long { JITTER.min(config.interval / 2) } else { Duration::ZERO },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn of(text: &str) -> Option<InstanceSettings> {
        settings(&Config::parse(text, None, &Environment::default()).unwrap(), true, true)
    }

    #[test]
    fn the_configuration_and_the_firmware_decide() {
        assert_eq!(is_worth_asking(Some(false), || Machine::Ec2), None);
        assert_eq!(is_worth_asking(Some(true), || Machine::Other), Some(true));
        assert_eq!(is_worth_asking(None, || Machine::Other), None);
        assert_eq!(is_worth_asking(None, || Machine::Unknown), Some(false));
        assert_eq!(is_worth_asking(None, || Machine::Ec2), Some(true));
    }

    #[test]
    fn only_what_is_not_configured_is_asked_for() {
        let all = of("").unwrap();
        assert!(all.tags && all.wants_cluster_name && all.volumes);
        let named = of("node: {cluster_name: demo}").unwrap();
        assert!(named.tags && !named.wants_cluster_name, "the group is not known");
        let both = of("node: {cluster_name: demo, instance: {autoscaling_group: blue}}").unwrap();
        assert!(!both.tags && both.volumes);
        assert!(!of("node: {orchestrator: ecs}").unwrap().wants_cluster_name);
        assert!(of("node: {orchestrator: host}").unwrap().wants_cluster_name);
        assert!(!of("instance: {tags: false}").unwrap().wants_cluster_name);
        let cluster = of("role: cluster").unwrap();
        assert!(cluster.wants_cluster_name && !cluster.volumes);
        assert!(of("role: cluster\nnode: {cluster_name: demo}").is_none());
    }

    #[test]
    fn the_role_of_the_delivery_is_not_the_one_that_asks() {
        let text = "aws: {fips: true, role: {arn: 'arn:aws:iam::111122223333:role/central'}}\ninstance: {endpoint_url: 'https://e'}";
        let Access::Load(aws) = of(text).unwrap().access else { panic!("not loaded") };
        assert_eq!((aws.role, aws.fips, aws.endpoint_url.as_deref()), (None, true, Some("https://e")));
    }

    #[test]
    fn a_fleet_that_starts_together_does_not_ask_together() {
        assert_eq!(of("").unwrap().start_jitter, JITTER);
        assert_eq!(of("interval: 10s").unwrap().start_jitter, Duration::from_secs(5));
    }
}
