//! Values: what the chart makes of `config`, and what it rejects.

use insightd_tests::deploy::Mounted;
use insightd_tests::manifests::{Manifests, list, text};
use insightd_tests::program;
use serde_json::{Value, json};

use crate::tools::tools;

fn config(manifests: &Manifests, map: &str) -> Value {
    let data = &manifests.get("ConfigMap", map)["data"]["insightd.yaml"];
    serde_saphyr::from_str(text(data)).expect("a configuration is YAML")
}

#[test]
fn a_map_is_merged_over_the_configuration() {
    let Some(tools) = tools("a_map_is_merged_over_the_configuration") else { return };
    let manifests = tools.render(
        "{delivery: cloudwatch, config: {interval: 30s, instance: {enabled: false, refresh: 10m}, aws: {fips: false}, \
         sinks: {cloudwatch: {create: stream, spool: {max_bytes: 1GiB}}}, operations: {listen: \"0.0.0.0:9999\"}, \
         kubelet: {annotations: []}, leader: {name: cwagent-clusterleader, namespace: aws-otel-eks}}}",
    );
    let config = config(&manifests, "insightd-config");
    assert_eq!(config["interval"], "30s");
    assert_eq!(config["instance"], json!({"enabled": false, "refresh": "10m"}));
    assert_eq!(config["aws"]["fips"], false);
    assert_eq!(config["kubelet"]["annotations"], json!([]));
    let spool = json!({"dir": "/var/lib/insightd", "max_bytes": "1GiB"});
    assert_eq!(
        config["sinks"]["cloudwatch"],
        json!({"type": "cloudwatch_logs", "create": "stream", "spool": spool})
    );
    assert_eq!(list(&config["pipelines"]).len(), 2);
    // What depends on the configuration follows it.
    let role = manifests.get("Role", "insightd-leader");
    assert_eq!(role["metadata"]["namespace"], "aws-otel-eks");
    assert_eq!(role["rules"][0]["resourceNames"], json!(["cwagent-clusterleader"]));
    let binding = manifests.get("RoleBinding", "insightd-leader");
    assert_eq!(binding["metadata"]["namespace"], "aws-otel-eks");
    assert_eq!(binding["subjects"][0]["namespace"], "amazon-cloudwatch");
    let container = &manifests.get("DaemonSet", "insightd")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        container["livenessProbe"]["httpGet"],
        json!({"host": "127.0.0.1", "port": 9999, "path": "/healthz"})
    );

    let manifests = tools.render("config: {operations: {listen: none}}");
    let container = &manifests.get("DaemonSet", "insightd")["spec"]["template"]["spec"]["containers"][0];
    assert!(container.get("livenessProbe").is_none() && container.get("readinessProbe").is_none());
}

#[test]
fn a_text_is_the_whole_configuration() {
    let Some(tools) = tools("a_text_is_the_whole_configuration") else { return };
    let text = "# A comment.\ninterval: 30s\nleader: {name: other}\n";
    let manifests = tools.render(&json!({"config": text, "delivery": "cloudwatch"}).to_string());
    let data = &manifests.get("ConfigMap", "insightd-config")["data"]["insightd.yaml"];
    assert_eq!(data, text);
    assert_eq!(manifests.get("Role", "insightd-leader")["rules"][1]["resourceNames"], json!(["other"]));
}

#[test]
fn the_agent_takes_every_configuration() {
    let Some(tools) = tools("the_agent_takes_every_configuration") else { return };
    for delivery in ["stdout", "cloudwatch"] {
        for shipped in [true, false] {
            for cluster in [true, false] {
                let values = json!({
                    "delivery": delivery,
                    "transforms": {"shipped": shipped},
                    "clusterRole": {"enabled": cluster},
                });
                let mounted = Mounted::new(&tools.render(&values.to_string()));
                assert_eq!(mounted.configurations().len(), if cluster { 2 } else { 1 });
                for configuration in mounted.configurations() {
                    let (said, error) = mounted.check(configuration, &program("insightd-compile"));
                    let formatter = if shipped { "file:emf" } else { "builtin:emf" };
                    let is_taken = said.contains(formatter) && said.contains(": ok, bundle ");
                    assert!(is_taken, "{values}: {said}{error}\n{configuration}");
                }
            }
        }
    }
}

#[test]
fn a_digest_replaces_the_tag() {
    let Some(tools) = tools("a_digest_replaces_the_tag") else { return };
    let digest = format!("sha256:{}", "0".repeat(64));
    let values = json!({"image": {"tag": "1", "digest": digest}, "clusterRole": {"enabled": true}});
    let manifests = tools.render(&values.to_string());
    assert_eq!(manifests.pod_templates().count(), 2);
    for (what, pod) in manifests.pod_templates() {
        assert_eq!(pod["containers"][0]["image"], format!("localhost/insightd@{digest}"), "{what}");
    }
}

#[test]
fn a_changed_environment_replaces_the_pods() {
    let Some(tools) = tools("a_changed_environment_replaces_the_pods") else { return };
    let annotations = |values: &str| {
        let manifests = tools.render(values);
        let template = &manifests.get("DaemonSet", "insightd")["spec"]["template"];
        template["metadata"]["annotations"].clone()
    };
    assert_ne!(annotations("clusterName: one"), annotations("clusterName: other"));
    assert_eq!(annotations("clusterName: one"), annotations("{clusterName: one, config: {interval: 30s}}"));
}

#[test]
fn wrong_values_are_rejected() {
    let Some(tools) = tools("wrong_values_are_rejected") else { return };
    for (values, named) in [
        ("nonsense: 1", "additional properties 'nonsense'"),
        ("image: {name: insightd}", "/image': additional properties 'name'"),
        ("image: {tag: 1.0}", "/image/tag"),
        ("image: {digest: sha256:short}", "/image/digest"),
        ("delivery: s3", "/delivery"),
        ("clusterName: 5", "/clusterName"),
        ("config: []", "/config"),
        ("config: {pipeline: []}", "/config': additional properties 'pipeline'"),
        ("transforms: {shipped: always}", "/transforms/shipped"),
        ("transforms: {extra: {team: \"not base64!\"}}", "/transforms/extra/team"),
        ("tolerations: {operator: Exists}", "/tolerations"),
        ("clusterRole: {enabled: \"yes\"}", "/clusterRole/enabled"),
        ("clusterRole: {replicas: 0}", "/clusterRole/replicas"),
        ("environment: {AWS_REGION: us-west-2}", "/environment/AWS_REGION"),
        ("serviceAccount: {annotation: {}}", "/serviceAccount': additional properties 'annotation'"),
    ] {
        let output = tools.template(true, values);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{values} was accepted");
        assert!(error.contains("don't meet the specifications of the schema"), "{values}: {error}");
        assert!(error.contains(named), "{values}: {error}");
    }
}

#[test]
fn components_that_the_chart_lacks_are_an_error() {
    let Some(tools) = tools("components_that_the_chart_lacks_are_an_error") else { return };
    let output = tools.template(false, "transforms: {shipped: true}");
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("transforms.shipped: this chart contains no components"), "{error}");
    let output = tools.template(true, "config: \"{\"");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("config: "), "{error}");
}
