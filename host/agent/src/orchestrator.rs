//! Detection of the orchestrator for `node.orchestrator: auto`, from what it leaves in the environment and on the host.

use insightd_collect::HostRoot;

use crate::config::{Config, Environment, Orchestrator};

/// Directories of a host that only nodes of Kubernetes have.
const OF_KUBERNETES: [&str; 2] = ["/var/lib/kubelet", "/etc/kubernetes"];

/// Directories of a host that only container instances of ECS have: the configuration and the state of its agent.
const OF_ECS: [&str; 3] = ["/etc/ecs", "/var/lib/ecs", "/sys/fs/cgroup/ecstasks.slice"];

/// Replaces `auto` by the orchestrator that is found. Returns the evidence, or `None` if the configuration names one.
pub fn resolve(config: &mut Config, environment: &Environment) -> Option<&'static str> {
    if config.node.orchestrator != Orchestrator::Auto {
        return None;
    }
    let (orchestrator, evidence) = detect(config, environment);
    config.node.orchestrator = orchestrator;
    Some(evidence)
}

/// Returns the orchestrator and the evidence for it. What the agent was given comes before what the host looks like: an
/// image for nodes of one orchestrator may have files of another.
fn detect(config: &Config, environment: &Environment) -> (Orchestrator, &'static str) {
    if environment.is_in_pod {
        return (Orchestrator::Eks, "this process runs in a pod (KUBERNETES_SERVICE_HOST is set)");
    }
    if environment.task_metadata.is_some() {
        return (Orchestrator::Ecs, "this process runs in a task (ECS_CONTAINER_METADATA_URI_V4 is set)");
    }
    if config.kubelet.enabled != Some(false) && config.kubelet.url.is_some() {
        return (Orchestrator::Eks, "the address of a kubelet is set");
    }
    if config.api.kubeconfig.is_some() || config.api.enabled == Some(true) {
        return (Orchestrator::Eks, "`api` is configured");
    }
    if config.ecs.endpoint.is_some() || config.ecs.enabled == Some(true) {
        return (Orchestrator::Ecs, "`ecs` is configured");
    }
    let root = HostRoot::open(&config.host.root).ok();
    if root.as_ref().is_some_and(HostRoot::is_recording) {
        return (Orchestrator::Eks, "the host is a recording");
    }
    let has_any = |paths: &[&str]| {
        let root = root.as_ref();
        paths.iter().any(|path| root.is_some_and(|root| root.has_dir(path)))
    };
    if has_any(&OF_ECS) {
        return (Orchestrator::Ecs, "the host has a directory of the ECS agent");
    }
    if has_any(&OF_KUBERNETES) {
        return (Orchestrator::Eks, "the host has a directory of the kubelet");
    }
    (Orchestrator::Host, "there is no sign of Kubernetes or ECS")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, environment: &Environment, directories: &[&str]) -> Orchestrator {
        let host = tempfile::tempdir().unwrap();
        for directory in directories {
            std::fs::create_dir_all(host.path().join(directory.trim_start_matches('/'))).unwrap();
        }
        let mut config = Config::parse(text, None, environment).unwrap();
        config.host.root = host.path().into();
        let evidence = resolve(&mut config, environment);
        assert!(evidence.is_some_and(|evidence| !evidence.is_empty()));
        config.node.orchestrator
    }

    fn variables(list: &[(&str, &str)]) -> Environment {
        Environment::from_lookup(|name| {
            list.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_comes_first_then_the_configuration_then_the_host() {
        let nothing = Environment::default();
        let pod = variables(&[("KUBERNETES_SERVICE_HOST", "10.96.0.1")]);
        let task = variables(&[("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/a")]);
        assert_eq!(found("", &nothing, &[]), Orchestrator::Host);
        assert_eq!(found("", &pod, &["/etc/ecs"]), Orchestrator::Eks);
        assert_eq!(found("", &task, &["/var/lib/kubelet"]), Orchestrator::Ecs);
        assert_eq!(found("kubelet: {url: 'https://a'}", &nothing, &["/etc/ecs"]), Orchestrator::Eks);
        assert_eq!(found("", &variables(&[("HOST_IP", "10.0.0.7")]), &[]), Orchestrator::Eks);
        assert_eq!(found("ecs: {endpoint: 'http://10.0.0.7:51678'}", &nothing, &[]), Orchestrator::Ecs);
        for directory in OF_ECS {
            assert_eq!(found("", &nothing, &[directory]), Orchestrator::Ecs, "{directory}");
        }
        for directory in OF_KUBERNETES {
            assert_eq!(found("", &nothing, &[directory]), Orchestrator::Eks, "{directory}");
        }
    }

    #[test]
    fn a_configured_orchestrator_is_kept() {
        let environment = variables(&[("KUBERNETES_SERVICE_HOST", "10.96.0.1")]);
        let mut config = Config::parse("node: {orchestrator: ecs}", None, &environment).unwrap();
        assert_eq!(resolve(&mut config, &environment), None);
        assert_eq!(config.node.orchestrator, Orchestrator::Ecs);
    }
}
