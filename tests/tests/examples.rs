//! Tests of a chain with the components that are not part of the default chain: on a recorded node, with the built binary.

use std::fs;

use insightd_tests::{Recorded, built, events, program, top};
use serde_json::Value;

/// Returns a configuration with a ratio of raw metrics by `script`, a team by `cost-labels`, two pods kept by `topk`, and
/// neither `NodeNet` events nor labels but `app` by `filter`.
fn config() -> String {
    let (compiler, transforms) = (program("insightd-compile"), built("transforms"));
    format!(
        r#"
compiler: {compiler}
transforms_dir: {transforms}
sinks:
  out: {{type: stdout}}
pipelines:
  - name: node
    transforms:
      - use: builtin:decorate
      - use: builtin:script
        on_failure: drop
        config:
          program: |
            let total = gauge(node(), "node.memory_total_bytes");
            for pod in all("pod") {{
                publish(pod, "pod_memory_share", gauge(pod, "memory.usage_bytes") / total * 100, "Percent");
            }}
      - use: builtin:utilization
      - use: file:cost-labels
        on_failure: drop
        config:
          tags:
            - {{attribute: Team, namespaces: {{"kube-*": platform}}, default: nobody}}
          drop_metrics: [pod_memory_rss]
      - use: file:topk
        on_failure: drop
        config: {{count: 2, by: pod_memory_working_set, sum: [pod_memory_*, pod_number_of_containers]}}
      - use: file:filter
        on_failure: drop
        config:
          filters: {{metric_names: {{exclude: ["node_interface_*", "rest_pod_number_*"]}}, pod_labels: {{include: [app]}}}}
    outputs:
      - formatter: {{use: builtin:emf}}
        sink: out
"#,
        compiler = compiler.display(),
        transforms = transforms.display(),
    )
}

fn number(event: &Value, name: &str) -> f64 {
    event[name].as_f64().unwrap_or_else(|| panic!("{name} is missing in {event}"))
}

#[test]
fn the_chain_with_all_examples() {
    let directory = tempfile::tempdir().expect("a directory for the configuration");
    let path = directory.path().join("insightd.yaml");
    fs::write(&path, config()).expect("the configuration is written");
    let path = path.to_str().expect("the path is UTF-8");
    for name in ["v1-cgroupfs", "v2-systemd"] {
        let recorded = Recorded::open(name);
        let plain = events(&["run", "--once", "--host-root", recorded.directory()]);
        let found = events(&["run", "--once", "--config", path, "--host-root", recorded.directory()]);

        let mut sets: Vec<f64> =
            plain.of_type("Pod").map(|pod| number(pod, "pod_memory_working_set")).collect();
        sets.sort_by(|left, right| right.total_cmp(left));
        assert!(sets.len() > 2, "{name} has {} pods with metrics", sets.len());
        let mut left: Vec<f64> =
            found.of_type("Pod").map(|pod| number(pod, "pod_memory_working_set")).collect();
        left.sort_by(|left, right| right.total_cmp(left));
        assert_eq!(left, sets[..2], "{name}: the two busiest stay");
        let rest = found.only("PodRest");
        assert_eq!(number(rest, "rest_pods"), (sets.len() - 2) as f64, "{name}");
        assert!(rest["rest_pod_number_of_containers"].is_null(), "{name}: dropped behind `topk`");
        assert_eq!(number(rest, "rest_pod_memory_working_set"), sets[2..].iter().sum::<f64>(), "{name}");
        assert_eq!(rest["NodeName"], found.only("Node")["NodeName"], "{name}");

        assert!(
            plain.types().contains("NodeNet") && !found.types().contains("NodeNet"),
            "{name}: no values, no event"
        );
        let labels = |events: &insightd_tests::Events| {
            let of_pods = events.of_type("Pod").filter_map(|pod| pod["kubernetes"]["labels"].as_object());
            of_pods.flat_map(|labels| labels.keys().cloned()).collect::<std::collections::BTreeSet<_>>()
        };
        assert!(labels(&plain).len() > 1 && labels(&found).iter().all(|key| key == "app"), "{name}");

        let node = plain.only("Node");
        for pod in found.of_type("Pod") {
            // `node_memory_limit` is the machine's memory, the base of the ratio.
            let share = number(pod, "pod_memory_usage") / number(node, "node_memory_limit") * 100.0;
            assert_eq!(number(pod, "pod_memory_share"), share, "{name}");
            assert!(pod["pod_memory_rss"].is_null(), "{name}: dropped");
            let is_system = pod["Namespace"].as_str().is_some_and(|namespace| namespace.starts_with("kube-"));
            assert_eq!(pod["Team"], if is_system { "platform" } else { "nobody" }, "{name}");
        }
    }
}

/// Returns the configuration of the preset `full`: that of the README of `signals`, with its file of declarations.
fn full() -> String {
    let page =
        |path: &str| fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let readme = page("transforms/signals/README.md");
    let (_, from) = readme.split_once("```yaml\npipelines:").expect("a configuration");
    let (pipelines, _) = from.split_once("```").expect("its end");
    let indent = " ".repeat(12);
    let declarations = page("deploy/metric-declarations/full.yaml");
    let declarations: String = declarations.lines().map(|line| format!("{indent}{line}\n")).collect();
    let place = format!("{indent}# extra_metric_declarations: … the content of full.yaml\n");
    assert_eq!(pipelines.matches(&place).count(), 2, "a formatter in each pipeline");
    let (compiler, transforms) = (program("insightd-compile"), built("transforms"));
    format!(
        "node: {{cluster_name: demo}}\ncompiler: {}\ntransforms_dir: {}\npipelines:{}",
        compiler.display(),
        transforms.display(),
        pipelines.replace(&place, &declarations).replace("sink: cloudwatch", "sink: stdout"),
    )
}

#[test]
fn the_preset_full() {
    let directory = tempfile::tempdir().expect("a directory for the configuration");
    let path = directory.path().join("insightd.yaml");
    fs::write(&path, full()).expect("the configuration is written");
    let enhanced = directory.path().join("enhanced.yaml");
    let without = full().replace("      - use: file:signals\n        on_failure: skip\n", "");
    assert!(!without.contains("file:signals"));
    fs::write(&enhanced, without).expect("the configuration is written");
    let recorded = Recorded::open("v2-systemd");
    let run = |path: &std::path::Path| {
        let path = path.to_str().expect("the path is UTF-8");
        events(&["run", "--once", "--config", path, "--host-root", recorded.directory()])
    };
    let (found, plain) = (run(&path), run(&enhanced));
    assert!(found.of_type("Pod").count() > 2);
    for kind in ["Node", "Pod", "Container"] {
        assert_eq!(found.of_type(kind).count(), plain.of_type(kind).count(), "{kind}");
        for (event, before) in found.of_type(kind).zip(plain.of_type(kind)) {
            for (name, value) in
                before.as_object().expect("an object").iter().filter(|(name, _)| *name != "_aws")
            {
                assert_eq!(&event[name], value, "{name} of {kind} does not change");
            }
        }
    }
    for pod in found.of_type("Pod") {
        assert!(number(pod, "pod_pids") > 0.0);
        let directives = pod["_aws"]["CloudWatchMetrics"].as_array().expect("directives").iter();
        let declared = directives.filter(|directive| {
            let metrics = directive["Metrics"].as_array().expect("a list");
            metrics.iter().any(|metric| metric["Name"] == "pod_pids")
        });
        let sets: Vec<&Value> = declared.map(|directive| &directive["Dimensions"]).collect();
        assert_eq!(sets, [&serde_json::json!([["ClusterName", "Namespace", "PodName"]])]);
    }
}
