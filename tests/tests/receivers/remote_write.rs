//! Remote write, versions 1.0 and 2.0, to a real Prometheus: it has the samples of the formatter `prometheus` and of its page, and series
//! that are gone are stale at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use insightd_exposition::{Format, Limits, Reader};
use insightd_tests::{Recorded, built, program, recording, top};
use serde_json::Value;

use crate::process::{Process, agent_of, free_port, get, prometheus_with, query, receivers};

/// Values by name and labels.
type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Writes a configuration with both versions, whose series differ in the label `job`, and another output.
fn write_config(directory: &Path, prometheus: &Process, more: &str, sink: &str, output: &str) -> String {
    built("transforms/remote-write.wasm");
    let text = format!(
        "role: node
node: {{name: node-1, cluster_name: shop}}
instance: {{enabled: false}}
operations: {{listen: none}}
{more}
transforms_dir: {:?}
compiler: {:?}
sinks:
  v1: {{type: prometheus_remote_write, version: 1, endpoint_url: 'http://127.0.0.1:{port}/api/v1/write'}}
  v2: {{type: prometheus_remote_write, version: 2, endpoint_url: 'http://127.0.0.1:{port}/api/v1/write'}}
{sink}
pipelines:
  - name: v1
    scope: node
    transforms: [{{use: 'builtin:decorate', config: {{identify_all: true}}}}]
    outputs:
      - formatter: {{use: 'file:remote-write', state: {{max_bytes: 1MiB}}, config: {{external_labels: {{job: v1, instance: ''}}}}}}
        sink: v1
  - name: v2
    scope: node
    transforms: [{{use: 'builtin:decorate', config: {{identify_all: true}}}}]
    outputs:
      - formatter: {{use: 'file:remote-write', state: {{max_bytes: 1MiB}}, config: {{external_labels: {{job: v2, instance: ''}}, max_series: 100}}}}
        sink: v2
  - name: text
    scope: node
    transforms: [{{use: 'builtin:decorate', config: {{identify_all: true}}}}]
    outputs:
      - {output}
",
        top().join("target/transforms"),
        program("insightd-compile"),
        port = prometheus.port,
    );
    let path = directory.join("insightd.yaml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Reads samples in the text format. Returns their times as well, if they have some.
fn parse(text: &str) -> (Samples, BTreeSet<i64>) {
    let (mut samples, mut times) = (Samples::new(), BTreeSet::new());
    let mut reader = Reader::new(Format::Prometheus, Limits::default());
    reader
        .push(text.as_bytes(), &mut |sample| {
            let labels = sample.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            let earlier = samples.insert((sample.name.to_owned(), labels.collect()), sample.value);
            assert_eq!(earlier, None, "{} twice", sample.name);
            times.extend(sample.timestamp_ms);
        })
        .unwrap();
    assert_eq!(reader.finish().unwrap().malformed, 0, "{text}");
    (samples, times)
}

/// Returns the samples of a job in the last minute before a time, by their own time.
fn stored(prometheus: &Process, job: &str, time: u64) -> BTreeMap<u64, Samples> {
    let mut stored: BTreeMap<u64, Samples> = BTreeMap::new();
    for series in query(prometheus, &format!("{{job=\"{job}\"}}[1m]"), time) {
        let mut labels: BTreeMap<String, String> = serde_json::from_value(series["metric"].clone()).unwrap();
        let name = labels.remove("__name__").unwrap();
        labels.remove("job");
        for pair in series["values"].as_array().unwrap() {
            let time = (pair[0].as_f64().unwrap() * 1000.0).round() as u64;
            let value = pair[1].as_str().unwrap().parse().unwrap();
            let earlier = stored.entry(time).or_default().insert((name.clone(), labels.clone()), value);
            assert_eq!(earlier, None, "{name} {labels:?}");
        }
    }
    stored
}

fn check_recorded(test: &str, name: &str) {
    let Some(programs) = receivers(test) else { return };
    built("transforms/prometheus.wasm");
    let directory = tempfile::tempdir().unwrap();
    // A recording is older than what Prometheus takes otherwise.
    let prometheus =
        prometheus_with(&programs, directory.path(), "storage: {tsdb: {out_of_order_time_window: 1h}}\n");
    let output = "{formatter: {use: 'file:prometheus', config: {timestamps: true}}, sink: stdout}";
    let config = write_config(directory.path(), &prometheus, "", "", output);
    let recorded = Recorded::open(name);
    let arguments = ["run", "--config", &config, "--host-root", recorded.directory()];
    let output =
        insightd_tests::insightd(&[arguments.as_slice(), &["--sink", "v1", "--sink", "v2"]].concat());
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    // Standard output has one line an event.
    let text = String::from_utf8(output.stdout).unwrap().replace("\\n", "\n");
    let (wanted, times) = parse(&text);
    assert!(wanted.len() > 500 && times.len() == 1, "{} samples, times {times:?}", wanted.len());
    let time = u64::try_from(*times.first().unwrap()).unwrap();
    for job in ["v1", "v2"] {
        let stored = stored(&prometheus, job, time);
        assert_eq!(stored.keys().copied().collect::<Vec<_>>(), [time], "{job}: {log}");
        assert_eq!(stored[&time], wanted, "{job}");
    }
}

#[test]
fn v1_has_all_samples_in_both_versions() {
    check_recorded("v1_has_all_samples_in_both_versions", "v1-cgroupfs");
}

#[test]
fn v2_has_all_samples_in_both_versions() {
    check_recorded("v2_has_all_samples_in_both_versions", "v2-systemd");
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), to).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Calls `found` until it returns something. There is no time limit here: a test that waits forever is ended by its runner.
pub(crate) fn wait<T>(mut found: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = found() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A live agent over the files of a recorded frame, without pods. Prometheus accepts nothing out of order.
#[test]
fn the_page_and_both_versions_are_equal_and_what_is_gone_is_stale() {
    let Some(programs) = receivers("the_page_and_both_versions_are_equal_and_what_is_gone_is_stale") else {
        return;
    };
    built("transforms/prometheus.wasm");
    let directory = tempfile::tempdir().unwrap();
    let host_root = directory.path().join("host");
    copy(&recording("v2-systemd").join("2"), &host_root);
    let prometheus = prometheus_with(&programs, directory.path(), "{}\n");
    let port = free_port();
    let sink = format!("  scrape: {{type: prometheus, listen: '127.0.0.1:{port}'}}");
    let output = "{formatter: {use: 'file:prometheus'}, sink: scrape}";
    let alone = "kubelet: {enabled: false}\napi: {enabled: false}";
    let config = write_config(directory.path(), &prometheus, alone, &sink, output);
    let agent = agent_of(directory.path(), Path::new(&config), port, &host_root);

    let page = || {
        let (status, page) = get(port, "/metrics/workloads");
        (status.contains(" 200 ") && !page.is_empty()).then(|| parse(&page).0)
    };
    for job in ["v1", "v2"] {
        // A tick may end between the two requests, but then the next one is compared.
        let count = wait(|| {
            let page = page()?;
            let stored = stored(&prometheus, job, now());
            stored.values().any(|samples| *samples == page).then_some(page.len())
        });
        assert!(count > 50, "only {count} samples on the page");
    }

    let (key, value) = ("device", "node0");
    let has_device = |samples: &Samples| {
        samples.keys().any(|(name, labels)| {
            name == "node_network_receive_bytes_total" && labels.get(key).is_some_and(|found| found == value)
        })
    };
    assert!(has_device(&page().unwrap()));
    let file = host_root.join("proc/1/net/dev");
    let interfaces = fs::read_to_string(&file).unwrap();
    let rest: Vec<&str> =
        interfaces.lines().filter(|line| !line.trim_start().starts_with("node0:")).collect();
    fs::write(&file, format!("{}\n", rest.join("\n"))).unwrap();
    for job in ["v1", "v2"] {
        // The first tick without the interface, and the one before.
        let (before, time, count) = wait(|| {
            let stored = stored(&prometheus, job, now());
            let (time, samples) = stored.iter().find(|(_, samples)| !has_device(samples))?;
            Some((*stored.range(..time).next_back()?.0, *time, samples.len()))
        });
        let selector =
            |not| format!("node_network_receive_bytes_total{{job=\"{job}\", {key}{not}=\"{value}\"}}");
        assert_eq!(query(&prometheus, &selector(""), before).len(), 1);
        // An instant query looks back five minutes, unless the series has ended.
        assert_eq!(query(&prometheus, &selector(""), time), [Value::Null; 0], "{job}");
        assert!(!query(&prometheus, &selector("!"), time).is_empty(), "the other interfaces have not ended");
        assert!(count > 50, "{count}");
    }
    drop(agent);
}
