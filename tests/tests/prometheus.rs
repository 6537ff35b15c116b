//! The text of the formatter `prometheus`: read by the repository's own parser, and compared with cAdvisor's of a recorded node.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use insightd_decorate::Decorate;
use insightd_exposition::{Format, Limits, Reader};
use insightd_prometheus::Prometheus;
use insightd_tests::cadvisor::{self, Sample};
use insightd_tests::top;
use insights_sdk::{Batch, Columns, Formatter, Transform, configure};

/// Returns the recorded node as text: decorated, then formatted in one slice.
fn recorded(config: &str) -> String {
    text(config, &decorated("{}"))
}

/// Returns the recorded node after `decorate`.
fn decorated(config: &str) -> Batch {
    let recording = fs::read_to_string(top().join("host/cli/demo/node.jsonl")).expect("the recording");
    let line = recording.lines().nth(1).expect("a frame");
    let batch = Batch::from_columns(Columns::from_json(line).expect("a batch"));
    let decorate = configure(config, Decorate::configure).expect("a valid configuration");
    decorate.process_owned(batch).expect("a decorated batch")
}

fn text(config: &str, batch: &Batch) -> String {
    let formatter = configure(config, Prometheus::configure).expect("a valid configuration");
    let payloads = formatter.format(batch, &insights_sdk::Limits::default()).expect("events");
    String::from_utf8(payloads.body).expect("UTF-8")
}

/// Name, labels and value of a sample.
type Read = (String, BTreeMap<String, String>, f64);

/// Reads a text with `host/exposition`. Returns the number of malformed lines as well.
fn read(text: &str) -> (Vec<Read>, u64) {
    let mut reader = Reader::new(Format::Prometheus, Limits::default());
    let mut samples = Vec::new();
    reader
        .push(text.as_bytes(), &mut |sample| {
            let labels = sample.labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
            samples.push((sample.name.to_owned(), labels.collect(), sample.value));
        })
        .expect("readable text");
    let report = reader.finish().expect("a whole text");
    (samples, report.malformed)
}

#[test]
fn our_own_parser_reads_every_sample() {
    for config in ["{}", r#"{"labels": ["*"], "timestamps": true}"#] {
        let text = recorded(config);
        let lines = text.lines().filter(|line| !line.starts_with('#')).count();
        let (samples, malformed) = read(&text);
        assert_eq!((samples.len(), malformed), (lines, 0));
        assert!(lines > 500, "only {lines} samples");
        let unique: BTreeSet<_> = samples.iter().map(|(name, labels, _)| (name, labels)).collect();
        assert_eq!(unique.len(), samples.len(), "a series occurs twice");
    }
}

/// Slices of a batch lack the parents of their entities. With `identify_all`, no series depends on them.
#[test]
fn series_do_not_depend_on_parents() {
    let config = r#"{"labels": ["*"]}"#;
    let batch = decorated(r#"{"identify_all": true}"#);
    let whole = text(config, &batch);
    batch.entities().iter().for_each(|entity| entity.set_parent(None));
    assert_eq!(text(config, &batch), whole);
}

#[test]
fn hostile_texts_come_back() {
    let batch = Batch::new("node", "node-1", 1_735_689_630_000, 60_000);
    let hostile = "a\"b\\c\nd{e=\"f\"} 1\n# TYPE g counter\r\té\u{2028}";
    let pod = batch.add("pod", "u1", None);
    pod.set_attribute("pod.name", hostile);
    pod.set_attribute("pod.namespace", hostile);
    pod.set_attribute("label.x", hostile);
    pod.set_gauge("memory.usage_bytes", 7.0);
    let (samples, malformed) = read(&text(r#"{"labels": ["x"], "include": ["container_*"]}"#, &batch));
    let labels: BTreeMap<String, String> =
        ["namespace", "pod", "label_x"].iter().map(|key| (key.to_string(), hostile.to_owned())).collect();
    assert_eq!((samples, malformed), (vec![("container_memory_usage_bytes".to_owned(), labels, 7.0)], 0));
}

/// Families of cAdvisor that no raw value gives.
const MISSING: [&str; 1] = ["container_processes"];
/// Name of the pod in the node's network.
const HOST_NETWORK: &str = "node-web-";
/// Families whose values do not change while the node is recorded.
const CONSTANT: [&str; 4] = [
    "container_spec_cpu_period",
    "container_spec_cpu_quota",
    "container_spec_cpu_shares",
    "container_spec_memory_limit_bytes",
];

fn of_kubelet(frame: u32) -> String {
    let path = format!("tests/fixtures/nodes/v2-systemd/{frame}/kubelet/cadvisor.txt");
    fs::read_to_string(top().join(path)).expect("the recorded response")
}

/// Labels that identify a series in both texts. cAdvisor's devices are summed up in ours, and its interfaces are those of a
/// sandbox, ours of a pod.
fn identity(sample: &Sample) -> (String, Vec<String>) {
    let keys = ["namespace", "pod", "container", "interface", "cpu", "failure_type", "scope", "id"];
    let count = keys.len() - usize::from(sample.name.starts_with("container_network_"));
    (sample.name.clone(), keys[..count].iter().map(|key| sample.label(key).to_owned()).collect())
}

/// Returns cAdvisor's samples of pods and containers: not those of sandboxes, except their interfaces.
fn of_cadvisor(frame: u32) -> BTreeMap<(String, Vec<String>), f64> {
    let mut found = BTreeMap::new();
    for sample in cadvisor::parse(&of_kubelet(frame)) {
        let is_sandbox =
            sample.label("container").is_empty() && cadvisor::container_id(sample.label("id")).is_some();
        let is_network = sample.name.starts_with("container_network_");
        if !sample.label("pod").is_empty() && is_network == is_sandbox {
            *found.entry(identity(&sample)).or_insert(0.0) += sample.value;
        } else if !sample.label("pod").is_empty() && !is_sandbox && is_network {
            panic!("an interface outside of a sandbox: {sample:?}");
        }
    }
    found
}

#[test]
fn names_types_and_values_are_those_of_cadvisor() {
    let text = text(r#"{"include": ["container_*"]}"#, &decorated(r#"{"identify_all": true}"#));
    let kinds = |text: &str| -> BTreeMap<String, String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        lines
            .filter_map(|line| line.split_once(' '))
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect()
    };
    let (ours, theirs) = (kinds(&text), kinds(&of_kubelet(2)));
    for (name, kind) in &ours {
        assert!(theirs.get(name).is_none_or(|known| known == kind), "{name} is a {kind}, not as in cAdvisor");
    }

    let ours: BTreeMap<_, _> =
        cadvisor::parse(&text).iter().map(|sample| (identity(sample), sample.value)).collect();
    let (before, after) = (of_cadvisor(1), of_cadvisor(2));
    let mut compared = BTreeSet::new();
    for (series, &value) in &after {
        let name = series.0.as_str();
        // cAdvisor counts the node's interfaces again for each pod in the node's network.
        let is_of_node = name.starts_with("container_network_") && series.1[1].starts_with(HOST_NETWORK);
        // The period means nothing without a quota.
        let quota = ("container_spec_cpu_quota".to_owned(), series.1.clone());
        let is_idle = name == "container_spec_cpu_period" && !after.contains_key(&quota);
        if MISSING.contains(&name) || is_of_node || is_idle {
            continue;
        }
        let Some(&found) = ours.get(series) else {
            // The kernel has no such value, and cAdvisor writes 0; or no limit.
            assert!(value == 0.0, "{series:?} is missing, cAdvisor has {value}");
            continue;
        };
        compared.insert(name);
        if CONSTANT.contains(&name) {
            assert_eq!(found, value, "{series:?}");
        } else if theirs.get(name).is_some_and(|kind| kind == "counter") {
            // cAdvisor's reading is up to 16 s older or 0.6 s newer than ours, of 60 s between the frames.
            let growth = before.get(series).map_or(0.0, |before| value - before);
            let slack = growth * 0.6 + value * 0.1 + 1.0;
            assert!(
                (found - value).abs() <= slack,
                "{series:?}: {found}, cAdvisor has {value}, grown by {growth}"
            );
        } else {
            let slack = value * 0.5 + 4e6;
            assert!((found - value).abs() <= slack, "{series:?}: {found}, cAdvisor has {value}");
        }
    }
    assert!(compared.len() > 30, "only {compared:?}");
}
