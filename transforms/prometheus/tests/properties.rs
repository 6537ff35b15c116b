//! Properties of the text for any batch.

use std::collections::BTreeMap;

use insightd_prometheus::Prometheus;
use insights_sdk::{Batch, Counter, Formatter, Limits, Payloads, configure};
use proptest::prelude::*;

/// Time of all batches, milliseconds since the Unix epoch.
const TIME: u64 = 1_735_689_630_000;

#[derive(Clone, Debug)]
struct TestPod {
    name: String,
    namespace: String,
    label: String,
    container: String,
    usage_ns: Option<u64>,
    memory: Option<f64>,
    interface: Option<(String, u64)>,
    published: Vec<(String, f64)>,
}

/// Texts with everything that the format escapes, and some that look like its own syntax.
fn text() -> impl Strategy<Value = String> {
    let parts = ["a", "\"", "\\", "\n", "{", "}", ",", "=", " ", "# TYPE x counter", "é", "\r", "1", "_"];
    prop::collection::vec(prop::sample::select(parts.to_vec()), 1..6).prop_map(|parts| parts.concat())
}

fn pod() -> impl Strategy<Value = TestPod> {
    let published = prop::collection::vec((text(), any::<f64>()), 0..3);
    let interface = prop::option::of((text(), any::<u64>()));
    let values = (prop::option::of(any::<u64>()), prop::option::of(0.0..1e18_f64), interface, published);
    (text(), text(), text(), text(), values).prop_map(|(name, namespace, label, container, values)| {
        let (usage_ns, memory, interface, published) = values;
        TestPod { name, namespace, label, container, usage_ns, memory, interface, published }
    })
}

fn batch(pods: &[TestPod]) -> Batch {
    let batch = Batch::new("node", "node-1", TIME, 60_000);
    let node = batch.add("node", "node-1", None);
    for (at, test) in pods.iter().enumerate() {
        let pod = batch.add("pod", &at.to_string(), Some(node));
        // The number keeps pods apart whatever the texts are.
        pod.set_attribute("pod.name", &format!("{at}{}", test.name));
        pod.set_attribute("pod.namespace", &test.namespace);
        pod.set_attribute("pod.uid", &at.to_string());
        pod.set_attribute("label.team", &test.label);
        if let Some(usage) = test.usage_ns {
            pod.set_counter("cpu.usage_ns", Counter::first(usage));
        }
        if let Some((name, received)) = &test.interface {
            let interface = batch.add("interface", name, Some(pod));
            interface.set_attribute("interface", name);
            interface.set_counter("network.rx_bytes", Counter::first(*received));
        }
        let container = batch.add("container", "c", Some(pod));
        container.set_attribute("container.name", &test.container);
        if let Some(memory) = test.memory {
            container.set_gauge("memory.usage_bytes", memory);
        }
        for (name, value) in &test.published {
            container.set_gauge(name, *value);
        }
    }
    batch
}

fn format(config: &str, batch: &Batch, max_event_bytes: u32) -> Payloads {
    let formatter = configure(config, Prometheus::configure).expect("a valid configuration");
    let payloads =
        formatter.format(batch, &Limits { max_event_bytes }).expect("a batch that can be formatted");
    payloads.check().expect("payloads within the contract");
    payloads
}

/// Labels by name.
type Labels = BTreeMap<String, String>;

/// Reads one sample as the format's documentation says: name, labels with escapes, value.
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).expect("a name");
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (key, behind) = rest.split_once("=\"").expect("a label");
            assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !key.is_empty(), "{line}");
            let mut value = String::new();
            let mut characters = behind.char_indices();
            let end = loop {
                match characters.next().expect("the end of a value") {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match characters.next().expect("an escape").1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        other => panic!("escape {other:?} in {line}"),
                    }),
                    (_, c) => value.push(c),
                }
            };
            assert!(labels.insert(key.to_owned(), value).is_none(), "label {key} twice in {line}");
            match behind[end + 1..].split_at_checked(1) {
                Some((",", behind)) => rest = behind,
                Some(("}", behind)) => {
                    rest = behind;
                    break;
                }
                _ => panic!("{line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').expect("a value").parse().expect("a number");
    (name.to_owned(), labels, value)
}

/// Returns all samples; checks that every event is one family that describes itself.
fn samples(payloads: &Payloads, limit: u32) -> Vec<(String, Labels, f64)> {
    let mut all = Vec::new();
    for event in payloads.events() {
        assert!(event.bytes.len() <= limit as usize && event.route.is_empty() && event.time_unix_ms == TIME);
        let text = std::str::from_utf8(event.bytes).expect("UTF-8");
        let mut lines = text.strip_suffix('\n').expect("a line feed at the end").split('\n');
        let help = lines.next().and_then(|line| line.strip_prefix("# HELP ")).expect("# HELP first");
        let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE ")).expect("# TYPE second");
        let (name, kind) = kind.split_once(' ').expect("name and type");
        assert!(help.starts_with(&format!("{name} ")) && matches!(kind, "counter" | "gauge"), "{kind}");
        let before = all.len();
        all.extend(lines.map(sample));
        assert!(all.len() > before, "an event without samples");
        assert!(all[before..].iter().all(|(found, _, _)| found == name), "another family in {name}");
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_value_comes_out(pods in prop::collection::vec(pod(), 0..5)) {
        let config = r#"{"labels": ["*"], "published": ["*"], "exclude": ["kube_*"]}"#;
        let batch = batch(&pods);
        let found = samples(&format(config, &batch, 1 << 20), 1 << 20);
        let mut wanted = 0;
        for (at, pod) in pods.iter().enumerate() {
            let of_pod = |container: Option<&str>, labels: &Labels| {
                labels.get("pod") == Some(&format!("{at}{}", pod.name))
                    && labels.get("namespace") == Some(&pod.namespace)
                    && labels.get("label_team") == Some(&pod.label)
                    && labels.get("container").map(String::as_str) == container
            };
            let has = |name: &str, container: Option<&str>, value: f64| {
                found.iter().any(|(known, labels, number)| known == name && of_pod(container, labels) && *number == value)
            };
            if let Some(usage) = pod.usage_ns {
                wanted += 1;
                prop_assert!(has("container_cpu_usage_seconds_total", None, usage as f64 / 1e9));
            }
            if let Some((_, received)) = &pod.interface {
                wanted += 1;
                prop_assert!(has("container_network_receive_bytes_total", None, *received as f64));
            }
            if let Some(memory) = pod.memory {
                wanted += 1;
                prop_assert!(has("container_memory_usage_bytes", Some(&pod.container), memory));
            }
            let valid = |name: &str| name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) && !name.starts_with('1');
            let published: BTreeMap<_, _> = pod.published.iter().map(|(name, value)| (name, *value)).collect();
            // A value that is not finite removes an earlier one of that name.
            for (name, value) in published.into_iter().filter(|(name, value)| valid(name) && value.is_finite()) {
                wanted += 1;
                prop_assert!(has(name, Some(&pod.container), value), "{}", name);
            }
        }
        prop_assert_eq!(found.len(), wanted, "nothing but what the batch has: {:?}", found);
    }

    #[test]
    fn small_events_have_the_same_samples(pods in prop::collection::vec(pod(), 1..5), limit in 100_u32..900) {
        let config = r#"{"labels": ["*"]}"#;
        let batch = batch(&pods);
        let all = samples(&format(config, &batch, 1 << 20), 1 << 20);
        let (payloads, lines) = insights_sdk::log::capture(|| format(config, &batch, limit));
        let found = samples(&payloads, limit);
        prop_assert!(found.iter().all(|sample| all.contains(sample)));
        let dropped: usize = lines.iter()
            .filter_map(|(_, line)| line.split_once(" samples dropped").map(|(count, _)| count.parse::<usize>().expect("a count")))
            .sum();
        prop_assert_eq!(found.len() + dropped, all.len(), "what is missing is counted");
    }
}
