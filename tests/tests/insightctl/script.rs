//! Tests of `insightctl script try`.

use std::path::{Path, PathBuf};

use insightd_tests::recording;

use super::{argument, run, text};

fn program(directory: &Path, program: &str) -> PathBuf {
    let file = directory.join("team.rhai");
    std::fs::write(&file, program).expect("can be written");
    file
}

#[test]
fn a_program_shows_what_it_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = program(
        directory.path(),
        "for pod in all(\"pod\") {\n    set(pod, \"Team\", \"checkout\");\n    log(attribute(pod, \"pod.namespce\"));\n}\n",
    );
    let output = run(&["script", "try", argument(&file)]);
    let (shown, log) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{log}");
    assert!(shown.contains("Team") && shown.contains("checkout"), "{shown}");
    assert!(log.contains("no queried entity has `pod.namespce`; did you mean `pod.namespace`?"), "{log}");
    assert!(log.contains("A is without the program, B with it"), "{log}");
}

#[test]
fn raw_figures_are_there_before_a_stage() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = recording("v2-systemd");
    let recorded = run(&["record", "--host-root", argument(&node)]);
    let recording = directory.path().join("node.jsonl");
    std::fs::write(&recording, &recorded.stdout).expect("can be written");
    let file = program(
        directory.path(),
        "for name in gauges(node(), \"node.memory_*\") {\n    publish(node(), replace(name, \".\", \"_\"), gauge(node(), name), \
         \"Bytes\");\n}\n",
    );
    let arguments = ["script", "try", argument(&file), argument(&recording), "--before", "utilization"];
    let output = run(&arguments);
    let (shown, log) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{log}");
    assert!(shown.contains("node_memory_total_bytes"), "{shown}");
    let output = run(&[&arguments[..5], &["nobody"]].concat());
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("--before nobody: no pipeline has this transform"));
}

#[test]
fn mistakes_have_the_lines_of_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = program(directory.path(), "// Mistakes.\nset(node(), \"a\", all(\"pods\"));\n");
    let output = run(&["script", "try", argument(&file)]);
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{log}");
    let expected = format!("{}:2:22: ", file.display());
    assert!(
        log.contains(&expected) && log.contains("unknown kind of entity pods; did you mean pod?"),
        "{log}"
    );
    // An error that shows only at run time.
    let file = program(directory.path(), "set(node(), \"a\", all(\"pod\"));\n");
    let output = run(&["script", "try", argument(&file)]);
    let log = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(
        log.contains("line 1, column 1: set: argument 3 must be a text, a number, true or false, found a list of entities"),
        "{log}"
    );
    assert!(log.contains("batches on which the program failed: 1;"), "{log}");
    let output = run(&["script", "try", "/no/such/file"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("/no/such/file: "));
}
