//! Tests of the content of the metrics page.

use std::path::Path;
use std::sync::Arc;

use insightd_pipeline::Sha256;
use insightd_pipeline::bundle::{BundleOrigin, Generation};
use insightd_pipeline::probation::RunningBundle;
use insightd_upstream::UpstreamStatus;
use insights_batch::Payloads;

use super::super::metrics::Metrics;
use super::super::{Count, LeadershipStatus, StatusRegistry};
use super::exposition::Exposition;
use super::{registry, stats};
use crate::config::{Config, Environment, SinkKind};
use crate::rollout::{Outcome, RolloutHandle, RolloutStatus};
use crate::runtime::TickHandler;
use crate::sinks::{Prometheus, ServedPage, Sink};

fn page(registry: &Arc<StatusRegistry>) -> Exposition {
    let text = Metrics::new(registry).write().unwrap();
    Exposition::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Returns the status of an agent on which a bundle runs and another one is held.
fn rollout() -> Arc<RolloutStatus> {
    let id = |number: u8| Generation(Sha256([number; 32]));
    let handle = Arc::new(RolloutHandle::default());
    handle.set_running(RunningBundle {
        id: id(0xab),
        origin: BundleOrigin::Files,
        since_unix_ms: 1,
        probation_left: 3,
        before: None,
    });
    let status = RolloutStatus::new(handle);
    status.record(Some(id(1)), Outcome::Rejected, "no events");
    status.record(Some(id(2)), Outcome::Held, "not a canary");
    Arc::new(status)
}

/// Returns a registry with all data present.
fn full() -> (Arc<StatusRegistry>, Vec<Arc<UpstreamStatus>>) {
    let registry = registry();
    registry.publish(stats());
    let statuses: Vec<_> =
        ["kubelet", "node"].into_iter().map(|name| Arc::new(UpstreamStatus::new(name))).collect();
    for status in &statuses {
        registry.watch("node", status);
        registry.watch("cluster", status);
    }
    registry.lead(|| LeadershipStatus {
        is_leader: true,
        transitions: 3,
        holder: Some("\"\\\n".repeat(1000)),
    });
    registry.show_rollout(rollout());
    registry.count(Count {
        name: "insightd_api_received",
        help: "Bytes of responses from the API server.",
        bytes: true,
        read: Arc::new(|| 5),
    });
    registry.show_page("scrape", scraped());
    (registry, statuses)
}

/// Returns the page of a sink after a tick with two samples, of which one is a duplicate.
fn scraped() -> Arc<ServedPage> {
    let config = "sinks: {scrape: {type: prometheus}}";
    let config = Config::parse(config, None, &Environment::default()).unwrap();
    let settings = config.sinks.iter().find_map(|sink| match &sink.kind {
        SinkKind::Prometheus(settings) => Some(settings),
        _ => None,
    });
    let (mut sink, page) = Prometheus::new(settings.unwrap());
    let mut payloads = Payloads::new("text/plain; version=0.0.4");
    payloads.push(&[], 1, b"# TYPE a gauge\na 1\na 2\n");
    sink.accept(&payloads.content_type, &mut payloads.events());
    sink.end_tick();
    page
}

#[test]
fn an_empty_board_has_a_page() {
    let page = page(&registry());
    assert_eq!(page.value("insightd_interval_seconds"), 60.0);
    assert!(page.value("process_resident_memory_bytes") > 1e6);
    assert!(!page.names.contains("insightd_ticks_total") && !page.names.contains("insightd_leader"));
}

#[test]
fn everything_is_on_the_page() {
    let (registry, statuses) = full();
    statuses[0].requested();
    statuses[0].failed("refused");
    statuses[1].succeeded();
    let page = page(&registry);
    assert_eq!(page.value("insightd_ticks_total"), 5.0);
    assert_eq!(page.value("insightd_tick_duration_seconds"), 0.0015);
    assert_eq!(page.value("insightd_last_tick_timestamp_seconds"), 1_735_790_400.0);
    assert_eq!(page.value(r#"insightd_source_errors_total{scope="node",source="kubelet"}"#), 1.0);
    assert_eq!(page.value(r#"insightd_source_failures_in_a_row{scope="cluster",source="kubelet"}"#), 1.0);
    // The age is present only after a success.
    let ages: Vec<_> = page.samples.keys().filter(|key| key.starts_with("insightd_source_age")).collect();
    assert_eq!(ages.len(), 2, "{ages:?}");
    assert!(ages.iter().all(|key| key.contains(r#"source="node""#)), "{ages:?}");
    // The label `place` is deprecated and equals `slot`.
    let labels = r#"{pipeline="node",slot="output-1",place="output-1",component="file:same""#;
    assert_eq!(page.value(&format!("insightd_component_calls_total{labels}}}")), 7.0);
    assert_eq!(page.value(&format!("insightd_component_failures_total{labels},cause=\"guest\"}}")), 1.0);
    assert_eq!(page.value(&format!("insightd_component_batches_total{labels},outcome=\"current\"}}")), 4.0);
    assert_eq!(page.value(&format!("insightd_component_bad{labels},origin=\"current\"}}")), 1.0);
    for name in ["insightd_component_data_in_quarantine", "insightd_component_data_aside"] {
        assert_eq!(page.value(&format!("{name}{labels}}}")), 1.0);
    }
    assert_eq!(page.value("insightd_leader_transitions_total"), 3.0);
    assert_eq!(page.value("insightd_api_received_bytes_total"), 5.0);
    let of_page = |metric: &str| page.value(&format!("insightd_prometheus_{metric}{{sink=\"scrape\"}}"));
    assert_eq!(of_page("page_bytes"), 19.0, "the lines of the type and of one sample");
    let counts = ["series", "scrapes_total", "duplicates_total"].map(of_page);
    assert_eq!(counts, [1.0, 0.0, 1.0]);
    let slot = r#"{pipeline="node",slot="output-1",sink="odd \"name\"\\\nof {it}, }"}"#;
    let estimate = ["series", "daily_events", "daily_bytes", "daily_points"];
    let estimate = estimate.map(|name| page.value(&format!("insightd_estimate_{name}{slot}")));
    assert_eq!(estimate, [1234.0, 2880.0, 51_200_000.5, 14_400.0]);
    // The holder's name is truncated before it is escaped.
    let holder = page.samples.keys().find(|key| key.starts_with("insightd_leader_holder_info")).unwrap();
    assert!(holder.len() < 400, "{}", holder.len());
}

/// The old names of the rollout's metrics have the values of the new ones.
#[test]
fn the_rollout_has_new_and_deprecated_names() {
    let page = page(&full().0);
    for (name, outcomes) in [
        ("insightd_rollout_bundles_total", ["installed", "rejected", "rolled-back"]),
        ("insightd_rollout_sets_total", ["taken", "rejected", "taken-back"]),
    ] {
        let values = outcomes.map(|outcome| page.value(&format!(r#"{name}{{outcome="{outcome}"}}"#)));
        assert_eq!(values, [0.0, 1.0, 0.0], "{name}");
    }
    let latest: Vec<_> =
        page.samples.keys().filter(|key| key.starts_with("insightd_rollout_latest")).collect();
    assert_eq!(
        latest,
        [
            r#"insightd_rollout_latest_info{outcome="held"}"#,
            r#"insightd_rollout_latest_info{outcome="held-back"}"#
        ]
    );
    let id = "ab".repeat(6);
    let running = format!(r#"insightd_rollout_running_info{{bundle="{id}",set="{id}"}}"#);
    assert_eq!(page.value(&running), 1.0);
}

#[test]
fn the_status_has_new_and_deprecated_keys() {
    let (registry, _) = full();
    let status = super::super::status::to_json(&registry);
    let (rollout, id) = (&status["rollout"], "ab".repeat(32));
    let running = &rollout["running"];
    assert_eq!((running["bundle"].as_str(), running["set"].as_str()), (Some(&*id), Some(&*id)));
    assert_eq!((&running["probation_ticks_left"], &running["trial_ticks_left"]), (&3.into(), &3.into()));
    let latest = &rollout["latest"];
    assert_eq!((latest["state"].as_str(), latest["outcome"].as_str()), (Some("held"), Some("held-back")));
    assert!(latest["bundle"].is_string() && latest["bundle"] == latest["set"]);
    for (new, old) in [("installed", "taken"), ("rolled_back", "taken_back")] {
        assert!(rollout[new].is_u64() && rollout[new] == rollout[old], "{new}");
    }
    let component = &status["components"][0];
    assert!(component["slot"] == "transform-1" && component["place"] == component["slot"]);
    assert_eq!(component["quarantined"][0], "pod uid-7");
    assert_eq!(component["quarantined"], component["set_aside"]);
}

#[test]
fn a_source_that_nobody_reads_any_more_is_gone() {
    let registry = registry();
    let first = Arc::new(UpstreamStatus::new("pods"));
    registry.watch("cluster", &first);
    first.requested();
    let requests = r#"insightd_source_requests_total{scope="cluster",source="pods"}"#;
    assert_eq!(page(&registry).value(requests), 1.0);
    // The next status replaces the first, even while the first is still held.
    let second = Arc::new(UpstreamStatus::new("pods"));
    registry.watch("cluster", &second);
    assert_eq!(page(&registry).value(requests), 0.0);
    drop((first, second));
    assert!(!page(&registry).samples.contains_key(requests));
}

#[test]
fn the_handbook_has_every_metric() {
    let (registry, statuses) = full();
    statuses.iter().for_each(|status| status.succeeded());
    let handbook = include_str!("../../../../../docs/operations.md");
    let versions = include_str!("../../../../../docs/versioning.md");
    let Exposition { names, deprecated, .. } = page(&registry);
    let text = |name: &String| if deprecated.contains(name) { versions } else { handbook };
    let missing: Vec<_> = names.iter().filter(|name| !text(name).contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not in docs/operations.md, or not in docs/versioning.md: {missing:?}");
}

/// Runs a real recording through the real components, twice.
#[test]
fn counters_move_with_the_ticks() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/nodes/v2-systemd");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.json");
    let text = format!(
        "host: {{root: {fixture:?}}}\nsinks: {{events: {{type: file, path: {file:?}, sync: never}}}}\npipelines:\n\
         - name: node\n  transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization}}]\n  outputs: \
         [{{formatter: {{use: builtin:emf}}, sink: events}}]\n",
    );
    let config = Config::parse(&text, None, &Environment::default()).unwrap();
    let registry = registry();
    let mut worker = crate::app::worker(&config).unwrap().with_registry(registry.clone());
    assert!(registry.ready().is_err());

    worker.replay(true).unwrap();
    assert!(registry.ready().is_ok() && registry.alive().unwrap().age.is_some());
    let first = page(&registry);
    worker.replay(true).unwrap();
    let second = page(&registry);

    let events = std::fs::read_to_string(&file).unwrap();
    assert_eq!(second.value(r#"insightd_sink_events_total{sink="events"}"#), events.lines().count() as f64);
    assert_eq!(second.value(r#"insightd_sink_bytes_total{sink="events"}"#), events.len() as f64);
    let output = r#"{pipeline="node",slot="output-1",place="output-1",sink="events"}"#;
    let handed = second.value(&format!("insightd_output_events_total{output}"));
    assert_eq!(handed, events.lines().count() as f64);
    assert_eq!((first.value("insightd_ticks_total"), second.value("insightd_ticks_total")), (1.0, 2.0));
    for (slot, component) in
        [("transform-1", "decorate"), ("transform-2", "utilization"), ("output-1", "emf")]
    {
        let labels =
            format!(r#"{{pipeline="node",slot="{slot}",place="{slot}",component="builtin:{component}"}}"#);
        let of = |page: &Exposition, name: &str| page.value(&format!("insightd_component_{name}{labels}"));
        assert_eq!((of(&first, "calls_total"), of(&second, "calls_total")), (1.0, 2.0), "{component}");
        assert!(of(&second, "cpu_seconds_total") > of(&first, "cpu_seconds_total"), "{component}");
        assert!(of(&first, "memory_peak_bytes") >= 65536.0, "{component}");
        let info = second.samples.keys().find(|key| {
            key.starts_with("insightd_component_info") && key.contains(&format!(r#""builtin:{component}""#))
        });
        let builtin = insightd_pipeline::builtins::find(component).unwrap();
        let hash = insightd_pipeline::Sha256(builtin.wasm_sha256).to_string();
        assert!(info.is_some_and(|info| info.contains(&hash)), "{component}: {info:?}");
    }
}
