//! Tests of a chain with the components that are not part of the default chain: on a recorded node, with the built binary.

use std::fs;

use insightd_tests::{Recorded, built, events, program};
use serde_json::Value;

/// Returns a configuration with a ratio of raw metrics by `script`, a team by `cost-labels`, and two pods kept by `topk`.
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
        assert_eq!(number(rest, "rest_pod_memory_working_set"), sets[2..].iter().sum::<f64>(), "{name}");
        assert_eq!(rest["NodeName"], found.only("Node")["NodeName"], "{name}");

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
