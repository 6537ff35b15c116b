//! A real Prometheus scrapes a live agent.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use insightd_tests::{built, program, top};

use crate::process::{agent, free_port, get, prometheus, promtool, query, receivers};
use crate::value;

#[test]
fn prometheus_scrapes_this_machine() {
    let Some(programs) = receivers("prometheus_scrapes_this_machine") else { return };
    built("transforms/prometheus.wasm");
    let directory = tempfile::tempdir().unwrap();
    let (port, config) = (free_port(), directory.path().join("insightd.yaml"));
    let text = format!(
        "role: node
instance: {{enabled: false}}
kubelet: {{enabled: false}}
api: {{enabled: false}}
operations: {{listen: none}}
transforms_dir: {:?}
compiler: {:?}
sinks: {{scrape: {{type: prometheus, listen: '127.0.0.1:{port}'}}}}
pipelines:
  - name: node
    transforms: [{{use: 'builtin:decorate', config: {{identify_all: true}}}}]
    outputs: [{{formatter: {{use: 'file:prometheus'}}, sink: scrape}}]
",
        top().join("target/transforms"),
        program("insightd-compile"),
    );
    fs::write(&config, text).unwrap();
    let agent = agent(directory.path(), &config, port);
    let prometheus = prometheus(&programs, directory.path(), Some(port));

    // Waits without a time limit of its own: a test that waits forever is ended by its runner.
    let page = loop {
        let (status, page) = get(port, "/metrics/workloads");
        if status.contains(" 200 ") && !page.is_empty() {
            break page;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let report = promtool(&programs, &page);
    // Names of cAdvisor and node_exporter, which are against the rules there, too.
    let is_original = |line: &&str| {
        line.starts_with("container_memory_failcnt counter metrics should have")
            || (line.starts_with("node_memory_") && line.contains("'snake_case'"))
    };
    let others: Vec<&str> = report.lines().filter(|line| !is_original(line)).collect();
    assert_eq!(others, [""; 0], "{page}");
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let total = loop {
        if let Some(total) = query(&prometheus, "node_memory_MemTotal_bytes", now()).first() {
            break value(total);
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
    let kib: f64 = kib.trim().trim_end_matches(" kB").parse().unwrap();
    assert_eq!(total, kib * 1024.0);
    assert_eq!(query(&prometheus, "up{job=\"insightd\"}", now()).first().map(value), Some(1.0));
    let samples = query(&prometheus, "scrape_samples_scraped", now());
    let lines = page.lines().filter(|line| !line.starts_with('#')).count();
    assert!(lines > 10, "{page}");
    assert!(value(&samples[0]) > 10.0, "{samples:?}");
    drop(agent);
}
