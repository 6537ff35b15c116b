//! `insightd record`, `insightctl replay` and `insightctl diff` on recorded nodes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use insights_batch::{Batch, Columns};

use insightd_tests::top;

use super::{argument, run, text};

const NODES: [&str; 2] = ["v1-cgroupfs", "v2-systemd"];

fn node(name: &str) -> String {
    argument(&top().join("tests/fixtures/nodes").join(name)).into()
}

/// Runs a command that must succeed. Returns its output and its log.
fn good(arguments: &[&str]) -> (String, String) {
    let output = run(arguments);
    let log = text(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {log}");
    (text(&output.stdout), log)
}

fn recorded(directory: &Path, node_name: &str, more: &[&str]) -> (PathBuf, String) {
    let (recording, log) = good(&[&["record", "--host-root", &node(node_name)], more].concat());
    let file = directory.join(format!("{node_name}.jsonl"));
    fs::write(&file, recording).expect("can be written");
    (file, log)
}

fn batches(recording: &Path) -> Vec<Columns> {
    let text = fs::read_to_string(recording).expect("a recording");
    text.lines().skip(1).map(|line| Columns::from_json(line).expect("a batch")).collect()
}

#[test]
fn a_replay_prints_what_run_prints() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in NODES {
        let (recording, log) = recorded(directory.path(), name, &[]);
        assert!(log.contains(" bytes; batches: 1, ticks: 1"), "{log}");
        let (expected, _) = good(&["run", "--host-root", &node(name)]);
        assert!(expected.lines().count() > 10, "{expected}");
        let (events, log) = good(&["replay", argument(&recording)]);
        assert!(events == expected, "{name}: the events of replay and run differ");
        let summary =
            format!("batches: 1, events: {}, bytes: {}; in ", expected.lines().count(), expected.len());
        assert!(log.contains(&summary) && log.contains(" batches a second"), "{summary}{log}");
    }
}

#[test]
fn a_replay_names_the_cluster_as_the_configuration_does() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("insightd.yaml");
    fs::write(&config, "node: {cluster_name: another}\n").expect("can be written");
    let (recording, _) = recorded(directory.path(), "v2-systemd", &[]);
    let (events, _) = good(&["replay", argument(&recording), "--config", argument(&config)]);
    for event in events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")) {
        assert_eq!(event["ClusterName"], "another", "{event}");
    }
    assert!(events.lines().count() > 10, "{events}");
}

#[test]
fn a_recording_says_what_it_is_and_holds_raw_batches() {
    let directory = tempfile::tempdir().expect("a directory");
    let (recording, _) = recorded(directory.path(), "v2-systemd", &[]);
    let text = fs::read_to_string(&recording).expect("a recording");
    let first: serde_json::Value =
        serde_json::from_str(text.lines().next().expect("a first line")).expect("JSON");
    assert_eq!((&first["format"], &first["version"]), (&"insightd-recording".into(), &1.into()));
    assert_eq!(first["agent"], env!("CARGO_PKG_VERSION"));
    let batches = batches(&recording);
    assert_eq!(batches.len(), 1);
    assert_eq!(first["node"], *batches[0].scope_id);
    let batch = Batch::from_columns(batches[0].clone());
    let node = batch.node().expect("a batch has its node");
    assert!(
        node.counter("cpu.usage_ns").is_some_and(|cpu| cpu.delta().is_some()),
        "rates have their baseline"
    );
    assert!(
        batch.entities().iter().all(|entity| entity.attribute("Type").is_none()),
        "no component has seen it"
    );
}

#[test]
fn labels_are_redacted_and_owners_still_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let (plain, _) = recorded(directory.path(), "v1-cgroupfs", &[]);
    let before = Batch::from_columns(batches(&plain).remove(0));
    let (redacted, log) = recorded(directory.path(), "v1-cgroupfs", &["--redact"]);
    let after = Batch::from_columns(batches(&redacted).remove(0));
    let mut keys = 0;
    for pod in after.pods() {
        let was = before.find("pod", pod.id()).expect("the same pods");
        for (key, value) in was.attributes() {
            let now = pod.attribute(key).expect("no key is lost");
            let is_secret = (key.starts_with("label.") || key.starts_with("annotation."))
                && key != "label.pod-template-hash";
            assert_eq!(value != now, is_secret, "{key}: {value} is now {now}");
            assert!(!is_secret || log.contains(key), "{key} is not said to be redacted: {log}");
            keys += usize::from(is_secret);
        }
    }
    assert!(keys > 3, "the fixture has labels");
    let names = |recording: &Path| -> Vec<String> {
        let (events, _) = good(&["replay", argument(recording)]);
        let events =
            events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        events.map(|event| format!("{} {}", event["Type"], event["PodName"])).collect()
    };
    assert_eq!(names(&plain), names(&redacted));
}

#[test]
fn recordings_are_bounded_and_overwrite_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let (host, out) = (node("v2-systemd"), directory.path().join("out.jsonl"));
    let output = run(&["record", "--host-root", &host, "--max-bytes", "1KiB"]);
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(
        log.contains("nothing was recorded: the first batch takes ") && log.contains("--max-bytes is 1024"),
        "{log}"
    );

    let arguments = ["record", "--host-root", &host, "--out", argument(&out)];
    let (stdout, _) = good(&arguments);
    assert!(stdout.is_empty() && batches(&out).len() == 1);
    let output = run(&arguments);
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{log}");
    assert!(log.contains("out.jsonl: the file exists already and is not overwritten"), "{log}");

    // The machine that runs the tests, with two ticks.
    let (recording, log) = good(&["record", "--interval", "200ms", "--ticks", "2"]);
    assert_eq!(recording.lines().count(), 3, "{log}");
    assert!(log.contains("recording stopped: 2 ticks"), "{log}");
}

#[test]
fn what_is_no_recording_is_said_with_its_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let (recording, _) = recorded(directory.path(), "v2-systemd", &[]);
    let whole = fs::read_to_string(&recording).expect("a recording");
    fs::write(&recording, &whole[..whole.len() / 2]).expect("can be written");
    let config = directory.path().join("a.yaml");
    fs::write(&config, "").expect("can be written");
    let (recording, config) = (argument(&recording), argument(&config));
    for (arguments, part) in [
        (&["replay", recording][..], ":2: the batch is truncated"),
        (
            &["replay", config, "--pipeline", "none"],
            "unknown pipeline `none`; did you mean `node`? configured: node, cluster",
        ),
        (&["replay", "/nonexistent.jsonl"], "/nonexistent.jsonl: cannot be read: "),
        (&["replay", "/etc/passwd"], "/etc/passwd:1: not a recording"),
        (&["record", "--cluster", "--host-root", &node("v2-systemd")], "no API server configured: "),
        (&["diff", recording, config, config], ":2: the batch is truncated"),
        (&["diff", recording, config], "<B>"),
        (
            &["diff", recording, config, "--component", "x=y.wasm"],
            "--component x: no pipeline uses builtin:x or file:x",
        ),
        (&["diff", recording, config, "--component", "emf"], "expected NAME=FILE, such as emf="),
        (
            &["diff", recording, config, "--component", "emf=/nonexistent.wasm"],
            "/nonexistent.wasm: No such file",
        ),
    ] {
        let output = run(arguments);
        let log = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {log}");
        assert!(log.contains(part), "{arguments:?}: {log}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn equal_configurations_make_no_difference_and_others_are_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let (recording, _) = recorded(directory.path(), "v1-cgroupfs", &[]);
    let write = |name: &str, text: &str| {
        let file = directory.path().join(name);
        fs::write(&file, text).expect("can be written");
        argument(&file).to_owned()
    };
    let a = write("a.yaml", "");
    let chain = |config: &str| {
        format!(
            "pipelines:\n- name: node\n  transforms: [{{use: builtin:decorate}}, {{use: builtin:utilization, config: {config}}}]\n  \
             outputs: [{{formatter: {{use: builtin:emf}}}}]\n"
        )
    };
    let same = write("same.yaml", &chain("{}"));
    let recording = argument(&recording);
    let (out, log) = good(&["diff", recording, &a, &same]);
    assert_eq!(out, "", "{log}");
    assert!(log.contains("no difference; batches: 1, events: "), "{log}");

    let b = write("b.yaml", &chain("{enhanced: true}"));
    let diff = |arguments: &[&str]| {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let (forward, backward) =
        (diff(&["diff", recording, &a, &b, "--all"]), diff(&["diff", recording, &b, &a, "--all"]));
    let row = |out: &str, name: &str| -> Vec<u64> {
        let row = out
            .lines()
            .find(|line| line.split(' ').next() == Some(name))
            .unwrap_or_else(|| panic!("no {name}: {out}"));
        row.split_whitespace().skip(1).take(5).map(|cell| cell.parse().expect("a number")).collect()
    };
    let metric = "pod_status_running";
    let [events_a, events_b, added, removed, changed] = row(&forward, metric)[..] else {
        panic!("{forward}")
    };
    assert!(added > 0 && removed == 0 && changed == 0 && events_a + added == events_b, "{forward}");
    assert_eq!(row(&backward, metric), [events_b, events_a, 0, added, 0], "{backward}");
    let few = diff(&["diff", recording, &a, &b]);
    assert!(few.lines().count() < forward.lines().count() && few.contains("… and 2 more"), "{few}");
}

#[test]
fn a_component_is_compared_with_another_version_of_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let (recording, _) = recorded(directory.path(), "v2-systemd", &[]);
    let config = directory.path().join("a.yaml");
    fs::write(&config, "").expect("can be written");
    let transforms = top().join("target/transforms");
    let diff = |component: &str, file: &str| {
        let replaced = format!("{component}={}", transforms.join(file).display());
        run(&["diff", argument(&recording), argument(&config), "--component", &replaced])
    };
    let replayed = |more: &[&str]| {
        let output = run(&[&["replay", argument(&recording)], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let replaced = format!("utilization={}", transforms.join("utilization.wasm").display());
    assert!(replayed(&["--component", &replaced]) == replayed(&[]));
    let same = diff("decorate", "decorate.wasm");
    assert_eq!(same.status.code(), Some(0), "{}{}", text(&same.stdout), text(&same.stderr));
    assert!(same.stdout.is_empty());
    let wrong = diff("decorate", "emf.wasm");
    assert_eq!(wrong.status.code(), Some(64));
    assert!(text(&wrong.stderr).contains("file:decorate is a formatter; this slot requires a transform"));
    // Without `decorate`, events have no `Type`.
    let other = diff("decorate", "utilization.wasm");
    assert_eq!(other.status.code(), Some(1), "{}", text(&other.stderr));
    assert!(text(&other.stdout).contains("\n- "), "{}", text(&other.stdout));
}

/// The command of the guide's example, run on a recorded node with one of its pods.
#[test]
fn the_example_of_a_golden_case() {
    let directory = tempfile::tempdir().expect("a directory");
    let guide = fs::read_to_string(top().join("docs/authors.md")).expect("the guide");
    let (_, after) = guide.split_once("<!-- as-case -->").expect("an example");
    let command = after.lines().find(|line| line.starts_with("insightctl replay ")).expect("a command");
    let (recording, _) = recorded(directory.path(), "v2-systemd", &[]);
    let raw = Batch::from_columns(batches(&recording).remove(0));
    let pod = raw.of_kind("pod").into_iter().find(|pod| !pod.children_of_kind("container").is_empty());
    let name = pod.and_then(|pod| pod.attribute("pod.name")).expect("a pod with containers").to_owned();
    let config = directory.path().join("insightd.yaml");
    fs::write(&config, "").expect("can be written");
    let case = directory.path().join("tests/golden/one_pod");
    let arguments: Vec<&str> = command
        .split_whitespace()
        .skip(1)
        .map(|word| match word {
            "node.jsonl" => argument(&recording),
            "insightd.yaml" => argument(&config),
            "tests/golden/one_pod" => argument(&case),
            "web" => &name,
            word => word,
        })
        .collect();
    let (events, log) = good(&arguments);
    assert!(events.is_empty(), "{events}");
    assert!(log.contains("batch.json, config.json") && log.contains("builtin:utilization"), "{log}");

    let text = fs::read_to_string(case.join("batch.json")).expect("a batch");
    assert!(text.len() < 20_000, "{} bytes are too many to be read", text.len());
    let batch = Batch::from_columns(Columns::from_json(&text).expect("a batch"));
    let pods = batch.of_kind("pod");
    assert_eq!(pods.len(), 1);
    assert_eq!(pods[0].attribute("Type"), Some("Pod"), "decorate has run");
    assert_eq!(pods[0].gauge("pod_cpu_utilization"), None, "utilization has not");
    assert!(pods[0].counter("cpu.usage_ns").is_some_and(|cpu| cpu.delta().is_some()));
    assert!(batch.node().is_some_and(|node| node.gauge("node.cpu_count").is_some()));

    // The next step of the guide.
    let component = top().join("target/transforms/utilization.wasm");
    let bless = ["transform", "test", argument(directory.path()), "--wasm", argument(&component), "--bless"];
    let output = run(&bless);
    assert!(output.status.success(), "{}", text_of(&output));
    let expected = fs::read_to_string(case.join("expected.json")).expect("an expectation");
    assert!(expected.contains("pod_cpu_utilization"), "{expected}");

    let again = run(&arguments);
    assert_eq!(again.status.code(), Some(64));
    assert!(
        text_of(&again).contains("is not empty; existing files are not overwritten"),
        "{}",
        text_of(&again)
    );
}

#[test]
fn cases_of_other_places() {
    let directory = tempfile::tempdir().expect("a directory");
    let (recording, _) = recorded(directory.path(), "v2-systemd", &[]);
    let case = |name: &str, until: &str, more: &[&str]| {
        let at = directory.path().join(name);
        let arguments = ["replay", argument(&recording), "--until", until, "--as-case", argument(&at)];
        (run(&[&arguments[..], more].concat()), at)
    };
    let (output, at) = case("raw", "node/transform-1", &["--pipeline", "node"]);
    assert!(output.status.success(), "{}", text_of(&output));
    let raw = fs::read_to_string(at.join("batch.json")).expect("a batch");
    let raw = Columns::from_json(&raw).expect("a batch");
    assert_eq!(raw.entity_count(), batches(&recording)[0].entity_count(), "the first stage sees it all");

    let (output, at) = case("bytes", "output-1", &["--pipeline", "node"]);
    assert!(output.status.success(), "{}", text_of(&output));
    assert!(fs::read_to_string(at.join("limits.json")).expect("limits").contains("max_event_bytes"));
    assert!(fs::read_to_string(at.join("batch.json")).expect("a batch").contains("pod_cpu_utilization"));

    // Two pipelines for batches of a node, each with the shipped components.
    let (config, pipelines) = (directory.path().join("two.yaml"), ["a", "b"].map(|name| {
        format!("- name: {name}\n  transforms: [{{use: 'builtin:decorate'}}, {{use: 'builtin:utilization'}}]\n  outputs: [{{formatter: {{use: 'builtin:emf'}}, sink: stdout}}]\n")
    }));
    fs::write(&config, format!("pipelines:\n{}", pipelines.concat())).expect("can be written");
    let two = ["--config", argument(&config)];
    let (output, at) = case("two", "utilization", &two);
    assert_eq!(output.status.code(), Some(64), "{}", text_of(&output));
    let why =
        "ambiguous, matches a/builtin:utilization (a/transform-2), b/builtin:utilization (b/transform-2)";
    assert!(text_of(&output).contains(why) && !at.exists(), "{}", text_of(&output));
    let (output, _) = case("two", "b/builtin:utilization", &two);
    assert!(output.status.success(), "{}", text_of(&output));

    for (until, more, why) in [
        ("nothing", &[][..], "no such component; known: "),
        ("cluster/output-1", &[][..], "the recording has no batch for the pipeline of `cluster/output-1`"),
        ("utilization", &["--pod", "nobody"][..], "no pod `nobody` in the batch; known: "),
    ] {
        let (output, at) = case("bad", until, more);
        assert_eq!(output.status.code(), Some(64), "{}", text_of(&output));
        assert!(text_of(&output).contains(why) && !at.exists(), "{}", text_of(&output));
    }
}

fn text_of(output: &Output) -> String {
    text(&output.stderr)
}
