//! Queries of the dashboards of kubernetes-mixin and node-mixin, over pages of the formatter `prometheus` that a real Prometheus scrapes
//! with the configuration and the rules of docs/prometheus.md. Queries and rules are written anew here.

mod panels;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use insightd_tests::receiver::{Receiver, Response};
use insightd_tests::{built, insightd, program, recording, top};
use serde_json::{Value, json};

use self::panels::{PANELS, with_selectors};
use crate::process::{Process, get, prometheus_with, query, receivers};
use crate::remote_write::{copy, now, wait};
use crate::value;

/// Returns the section on the dashboards of docs/prometheus.md.
fn section() -> String {
    let page = fs::read_to_string(top().join("docs/prometheus.md")).unwrap();
    let (_, section) = page.split_once("\n## Dashboards of kubernetes-mixin\n").unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

/// Returns the block of YAML that begins with a key.
fn block(section: &str, key: &str) -> Value {
    let mut blocks = section.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let block = blocks.find(|block| block.starts_with(key)).unwrap();
    serde_saphyr::from_str(&block.replace("CLUSTER", "shop")).unwrap()
}

/// Returns the first expression of each row of the table of queries without data.
fn without_data(section: &str) -> Vec<String> {
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(|query| query.replace("\\|", "|"))
        .collect()
}

/// Returns the configuration of the documentation with these addresses in place of discovered pods.
fn configuration(section: &str, addresses: &[&str], rules: &[&Path]) -> Value {
    let mut configuration = block(section, "scrape_configs:");
    for job in configuration["scrape_configs"].as_array_mut().unwrap() {
        let job = job.as_object_mut().unwrap();
        job.remove("kubernetes_sd_configs").unwrap();
        job.insert("scrape_interval".into(), json!("1s"));
        let targets = addresses.iter().enumerate().map(|(number, address)| {
            json!({"targets": [address], "labels": {"__meta_kubernetes_pod_node_name": format!("node-{}", number + 1)}})
        });
        job.insert("static_configs".into(), targets.collect());
        let rules = job["relabel_configs"].as_array_mut().unwrap();
        rules.retain(|rule| rule["target_label"] != "__address__");
    }
    configuration["rule_files"] = json!(rules);
    configuration
}

/// Returns the page of the formatter for the tick in the second of two frames of a recording.
fn page(directory: &Path, name: &str, second: usize) -> String {
    let mut manifest: Value =
        serde_json::from_slice(&fs::read(recording(name).join("manifest.json")).unwrap()).unwrap();
    if second == 0 {
        // A tick needs an earlier frame: the same one, a second before.
        let mut again = manifest["frames"][0].clone();
        for clock in ["time_unix_ns", "monotonic_ns"] {
            again[clock] = (again[clock].as_u64().unwrap() + 1_000_000_000).into();
        }
        manifest["frames"][1] = again;
    }
    let root = directory.join(format!("recording-{second}"));
    for frame in ["1", "2"] {
        copy(&recording(name).join(frame), &root.join(frame));
    }
    fs::write(root.join("manifest.json"), manifest.to_string()).unwrap();
    let config = directory.join("insightd.yaml");
    let text = format!(
        "node: {{name: node-1, cluster_name: shop}}
instance: {{enabled: false}}
operations: {{listen: none}}
transforms_dir: {:?}
compiler: {:?}
pipelines:
  - name: node
    scope: node
    transforms: [{{use: 'builtin:decorate', config: {{identify_all: true}}}}]
    outputs: [{{formatter: {{use: 'file:prometheus'}}, sink: stdout}}]
",
        top().join("target/transforms"),
        program("insightd-compile"),
    );
    fs::write(&config, text).unwrap();
    let arguments = ["run", "--config", config.to_str().unwrap(), "--host-root", root.to_str().unwrap()];
    let output = insightd(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Standard output has one line an event.
    String::from_utf8(output.stdout).unwrap().replace("\\n", "\n")
}

/// Returns the page of a golden case of the formatter, with pods of the recorded Deployment `web`.
fn golden(case: &str) -> String {
    let file = top().join("transforms/prometheus/tests/golden").join(case).join("expected.events");
    fs::read_to_string(file).unwrap().replace("\"checkout", "\"web")
}

fn serve(page: impl Fn() -> String + Send + Sync + 'static) -> Receiver {
    Receiver::start(move |_, _| {
        let body = page().into_bytes();
        Response { status: 200, header: "content-type: text/plain; version=0.0.4".into(), body }
    })
}

/// Returns the smallest number of evaluations of the groups of rules.
fn evaluations(prometheus: &Process, groups: usize) -> Option<u64> {
    let (_, metrics) = get(prometheus.port, "/metrics");
    let counts: Vec<u64> = metrics
        .lines()
        .filter(|line| line.starts_with("prometheus_rule_group_iterations_total{"))
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64)
        .collect();
    (counts.len() == groups).then(|| counts.into_iter().min()).flatten()
}

#[test]
fn panels_of_kubernetes_mixin_have_data() {
    let Some(programs) = receivers("panels_of_kubernetes_mixin_have_data") else { return };
    built("transforms/prometheus.wasm");
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (page(directory.path(), "v2-systemd", 0), page(directory.path(), "v2-systemd", 1));
    assert_ne!(first, second);
    let is_second = Arc::new(AtomicBool::new(false));
    let shown = Arc::clone(&is_second);
    let node = serve(move || if shown.load(Ordering::Relaxed) { second.clone() } else { first.clone() });
    // The recordings have neither a batch of a cluster, nor claims, nor a Node object.
    let cluster = serve(|| golden("jobs"));
    let others = serve(|| golden("volumes") + &golden("node_capacity"));

    let section = section();
    let mut rules = block(&section, "groups:");
    for group in rules["groups"].as_array_mut().unwrap() {
        group["interval"] = json!("1s");
    }
    let documented = directory.path().join("rules.yaml");
    fs::write(&documented, rules.to_string()).unwrap();
    let written = top().join("tests/tests/receivers/mixin/rules.yaml");
    let addresses = [node.address(), cluster.address(), others.address()];
    let configuration = configuration(&section, &addresses, &[&documented, &written]);
    let prometheus = prometheus_with(&programs, directory.path(), &configuration.to_string());

    // Jobs scrape on their own: each must have both pages, and the rules are evaluated over them afterwards.
    let scraped = |number: f64| {
        let up = query(&prometheus, "count(up == 1)", now());
        up.first().map(value).filter(|up| *up == 3.0 * number).map(|_| ())
    };
    wait(|| scraped(3.0));
    is_second.store(true, Ordering::Relaxed);
    for counter in
        ["container_cpu_usage_seconds_total{id=\"/\"}", "node_cpu_seconds_total{cpu=\"0\", mode=\"user\"}"]
    {
        wait(|| {
            let changed = query(&prometheus, &format!("changes({counter}[5m]) > 0"), now());
            (!changed.is_empty()).then_some(())
        });
    }
    let groups = 3;
    let before = wait(|| evaluations(&prometheus, groups));
    wait(|| evaluations(&prometheus, groups).filter(|count| *count >= before + 3));

    let mut empty = Vec::new();
    for (name, text) in PANELS {
        let count = query(&prometheus, &with_selectors(text), now()).len();
        println!("{count:4} {name}: {text}");
        if count == 0 {
            empty.push(name);
        }
    }
    assert!(empty.is_empty(), "no samples: {empty:?}");
    let misspelt = "sum by (pod) (container_memory_workingset_bytes{CADVISOR})";
    assert_eq!(query(&prometheus, &with_selectors(misspelt), now()), [Value::Null; 0]);
    let without_data = without_data(&section);
    assert!(without_data.len() >= 5, "{without_data:?}");
    for text in without_data {
        assert_eq!(query(&prometheus, &text, now()), [Value::Null; 0], "{text} has data");
    }
}
