//! Warnings at start about what the events will lack because a source is not configured: the consequence, the reason, and
//! the setting.

use insightd_pipeline::{ComponentSpec, PipelineSpec};
use insightd_yaml::Data;

use crate::config::Config;

/// Warns of the absence of a kubelet and of an API server, unless the configuration switches them off.
pub(super) fn warn(config: &Config, uses_api: bool, is_for_long: bool) {
    for warning in [without_kubelet(config), without_api(config, uses_api, is_for_long)].into_iter().flatten()
    {
        tracing::warn!("{warning}");
    }
}

fn without_kubelet(config: &Config) -> Option<&'static str> {
    let is_missing =
        config.role.has_node() && config.kubelet.enabled.is_none() && config.kubelet.url.is_none();
    (is_missing && is_kubernetes(config)).then_some(
        "no events of pods and containers will be made: the address of the kubelet is unknown; set `kubelet.url` or HOST_IP",
    )
}

fn without_api(config: &Config, uses_api: bool, is_for_long: bool) -> Option<&'static str> {
    if uses_api || config.api.enabled.is_some() || !is_kubernetes(config) {
        return None;
    }
    // A single tick takes no part in the election.
    Some(match config.role.has_cluster() && is_for_long {
        true => {
            "no cluster metrics will be made, and events lack node conditions and the names of Services and CronJobs: there \
             is no API server; run in a pod, or set `api.kubeconfig`"
        }
        false => {
            "events lack node conditions and the names of Services and CronJobs: there is no API server; run in a pod, or set \
             `api.kubeconfig`"
        }
    })
}

/// Returns the warning for an unknown cluster name. All default declarations of `emf` have the dimension ClusterName.
pub fn unknown_cluster_name(config: &Config) -> &'static str {
    let mut formatters = config.pipelines.iter().flat_map(formatters_of);
    match formatters.any(has_default_declarations) {
        true => {
            "no CloudWatch metrics will be made: the cluster name is unknown; set `node.cluster_name` or K8S_CLUSTER_NAME"
        }
        false => {
            "events lack ClusterName: the cluster name is unknown; set `node.cluster_name` or K8S_CLUSTER_NAME"
        }
    }
}

fn formatters_of(pipeline: &PipelineSpec) -> impl Iterator<Item = &ComponentSpec> {
    pipeline.outputs.iter().map(|output| &output.formatter)
}

fn has_default_declarations(formatter: &ComponentSpec) -> bool {
    let replaces = match formatter.config.node.as_ref().map(|node| &node.data) {
        Some(Data::Mapping(entries)) => entries.iter().any(|entry| entry.key == "metric_declarations"),
        _ => false,
    };
    formatter.name == "emf" && !replaces
}

fn is_kubernetes(config: &Config) -> bool {
    config.node.orchestrator.is_kubernetes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Orchestrator};

    fn config(text: &str) -> Config {
        let mut config = Config::parse(text, None, &Environment::default()).unwrap();
        if config.node.orchestrator == Orchestrator::Auto {
            config.node.orchestrator = Orchestrator::Eks;
        }
        config
    }

    #[test]
    fn what_is_switched_off_or_known_is_not_missing() {
        assert!(without_kubelet(&config("")).is_some_and(|text| text.starts_with("no events of pods")));
        for text in [
            "kubelet: {enabled: false}",
            "kubelet: {url: 'https://a'}",
            "role: cluster",
            "node: {orchestrator: ecs}",
            "node: {orchestrator: host}",
        ] {
            assert_eq!(without_kubelet(&config(text)), None, "{text}");
        }
        let api =
            |text: &str, is_for_long| without_api(&config(text), false, is_for_long).unwrap_or_default();
        assert!(api("", true).starts_with("no cluster metrics will be made, and events lack"));
        assert!(
            api("", false).starts_with("events lack") && api("role: node", true).starts_with("events lack")
        );
        assert_eq!(without_api(&config(""), true, true), None);
        for text in ["api: {enabled: false}", "node: {orchestrator: ecs}"] {
            assert_eq!(api(text, true), "", "{text}");
        }
    }

    #[test]
    fn metrics_are_missing_where_their_declarations_are_the_default_ones() {
        let with = |formatter: &str| {
            unknown_cluster_name(&config(&format!(
                "transforms_dir: /t\npipelines: [{{name: a, outputs: [{{formatter: {formatter}}}]}}]"
            )))
        };
        let missing = "no CloudWatch metrics will be made: the cluster name is unknown";
        assert!(unknown_cluster_name(&config("")).starts_with(missing));
        assert!(with("{use: 'file:emf', config: {extra_metric_declarations: []}}").starts_with(missing));
        for own in ["{use: 'builtin:emf', config: {metric_declarations: []}}", "{use: 'file:mine'}"] {
            assert!(with(own).starts_with("events lack ClusterName: "), "{own}");
        }
    }
}
