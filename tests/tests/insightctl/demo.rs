//! The recording in `insightctl demo` is that of the recorded node `v2-systemd`.

use std::fs;

use serde_json::Value;

use insightd_tests::{recording, top};

use super::{argument, run, text};

/// `BLESS=1` rewrites the recording in the source; `insightctl` must be built again then.
#[test]
fn the_demo_is_what_record_makes_of_the_recorded_node() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("insightd.yaml");
    // Without the name of a cluster, events have no log group and declare no metrics.
    fs::write(&config, "node: {cluster_name: demo}\n").expect("can be written");
    let node = recording("v2-systemd");
    let made = run(&["record", "--host-root", argument(&node), "--config", argument(&config)]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let made = text(&made.stdout);

    let source = top().join("host/cli/demo/node.jsonl");
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::write(&source, &made).expect("the recording can be written");
    }
    let saved = directory.path().join("saved.jsonl");
    let save = run(&["demo", "--save", argument(&saved)]);
    assert!(save.status.success(), "{}", text(&save.stderr));
    for file in [&source, &saved] {
        let kept = fs::read_to_string(file).expect("a recording");
        assert_eq!(lines(&kept), lines(&made), "{} differs; BLESS=1 rewrites the source", file.display());
    }
}

/// Returns the lines; the version of the agent is left out, so that a release does not change the recording.
fn lines(recording: &str) -> Vec<Value> {
    let mut lines: Vec<Value> =
        recording.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.len() > 1, "a header and batches");
    lines[0].as_object_mut().expect("a header").remove("agent");
    lines
}
