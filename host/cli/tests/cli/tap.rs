//! `insightctl tap` against a small server.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::agent::{FakeAgent, Responses, batch, tapped};
use crate::common::{argument, run, text};
use crate::terminal::Terminal;

const INSIGHTCTL: &str = env!("CARGO_BIN_EXE_insightctl");
const TICK: &str = "{\"tap\":\"tick\",\"time_unix_ms\":1}\n";

fn event() -> String {
    let event =
        json!({"Type": "Pod", "Namespace": "shop", "PodName": "web\u{1b}[2J", "pod_cpu_usage_total": 5.5});
    let line = json!({"tap": "event", "time_unix_ms": 1_795_256_488_805_u64, "pipeline": "node", "slot": "output-1",
        "component": "builtin:emf", "sink": "stdout", "event": event});
    format!("{line}\n")
}

fn serving(lines: String) -> (tempfile::TempDir, String, FakeAgent) {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("api.sock");
    let agent = FakeAgent::start(&socket, Responses { tap: Some(lines), ..Responses::default() });
    let socket = argument(&socket).to_owned();
    (directory, socket, agent)
}

#[test]
fn lines_are_passed_on() {
    let skipped = "{\"tap\":\"skipped\",\"events\":3,\"batches\":0,\"bytes\":500}\n";
    let (_directory, socket, _agent) = serving(format!("{}{skipped}{TICK}", event()));
    let output = run(INSIGHTCTL, &["tap", "--socket", &socket, "--ticks", "1"]);
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), "left out by the tap: 3 events, 0 batches\n".into())
    );
    assert_eq!(text(&output.stdout), format!("{}{skipped}{TICK}", event()));
    let output = run(
        INSIGHTCTL,
        &["tap", "--socket", &socket, "--ticks", "1", "--table", "--metric", "pod_cpu_usage_total"],
    );
    assert_eq!(
        text(&output.stdout),
        "2026-11-21 10:21:28 UTC  node output-1 stdout  Pod          shop/web\\u{1b}[2J  pod_cpu_usage_total=5.5\n"
    );
}

#[test]
fn a_stream_that_ends_early_is_a_failure() {
    let (_directory, socket, _agent) = serving(event() + TICK);
    for arguments in [&["tap", "--socket", &socket, "--ticks", "2"][..], &["tap", "--socket", &socket]] {
        let output = run(INSIGHTCTL, arguments);
        assert_eq!(
            (output.status.code(), text(&output.stderr)),
            (Some(1), format!("{socket}: the agent closed the tap\n"))
        );
        assert!(!output.stdout.is_empty());
    }
    let output = run(INSIGHTCTL, &["tap", "--socket", "/nonexistent/api.sock"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("/nonexistent/api.sock: no such socket; start the agent"));
}

#[test]
fn a_stage_shows_what_it_changes() {
    let before = batch(&[("web", 5.0), ("db", 1.0)]);
    let mut after = batch(&[("web", 5.0)]);
    after["entities"][0]["gauges"] = json!({"node_cpu_utilization": 75});
    after["entities"][0]["children"][0]["attributes"]["Type"] = json!("Pod\u{1b}");
    let lines = format!("{}{}{TICK}", tapped("before", &before), tapped("after", &after));
    let (_directory, socket, _agent) = serving(lines);
    let arguments = ["tap", "--socket", &socket, "--before-after", "transform-2", "--ticks", "1"];
    let output = run(INSIGHTCTL, &arguments);
    let expected = "2026-11-21 10:21:28 UTC  node transform-2 builtin:utilization  node n1\n\
                    ~ node n1\n    ~ node_cpu_utilization: 50 -> 75\n\
                    ~ pod shop/web\n    + Type: \"Pod\\u{1b}\"\n\
                    - pod shop/db (4 values)\n  0 entities unchanged\n";
    assert_eq!((text(&output.stdout), text(&output.stderr)), (expected.into(), String::new()));

    let terminal = Terminal::start(&arguments, &[], 100, 20);
    terminal.wait(|screen| screen.contains("entities unchanged"));
    terminal.with(|screen| {
        assert_eq!(screen.cell(1, 0).expect("a cell").fgcolor(), vt100::Color::Idx(3));
        assert_eq!(screen.cell(5, 0).expect("a cell").fgcolor(), vt100::Color::Idx(1));
    });
    assert_eq!(terminal.end().code(), Some(0));
}

#[test]
fn the_other_side_of_a_stage_may_be_missing() {
    let (_directory, socket, _agent) = serving(tapped("before", &batch(&[])) + TICK);
    let output =
        run(INSIGHTCTL, &["tap", "--socket", &socket, "--before-after", "transform-2", "--ticks", "1"]);
    assert_eq!(
        text(&output.stderr),
        "node transform-2: no output for the batch of node n1: the stage ended the batch, or the tap left it out\n"
    );
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
}

#[test]
fn lines_that_are_none_of_a_tap_are_errors() {
    for (lines, expected) in [
        ("hello\n", "a line of the tap is no JSON object"),
        ("{\"a\":1}\n", "a line of the tap has no `tap`"),
        ("{\"tap\":\"batch\"", "connection lost: the stream ended in the middle of a line"),
    ] {
        let (_directory, socket, _agent) = serving(lines.to_owned());
        let output = run(INSIGHTCTL, &["tap", "--socket", &socket]);
        assert_eq!(output.status.code(), Some(1), "{lines}");
        assert!(text(&output.stderr).contains(expected), "{lines}: {}", text(&output.stderr));
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_tap() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("api.sock");
    let lines = event().repeat(100);
    let _agent =
        FakeAgent::start(&socket, Responses { tap: Some(lines), stays: true, ..Responses::default() });
    for table in [&[][..], &["--table"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(INSIGHTCTL);
        command.args(["tap", "--socket", argument(&socket)]).args(table);
        let process = command.stdout(writer).stderr(Stdio::piped()).spawn().expect("the program starts");
        let output = process.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    }
}

#[test]
fn a_command_reaches_the_agent() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = directory.path().join("exec");
    let content = format!(
        "#!/bin/sh\ntest \"$1 $2 $3\" = \"POD insightd api\" || exit 9\ncase \"$4\" in \"/v1/tap?at=events&pod=web&ticks=1\") printf '%s' '{}';; esac\n",
        event() + TICK
    );
    std::fs::write(&script, content).expect("can be written");
    let exec = format!("sh {} POD", script.display());
    let output = run(INSIGHTCTL, &["tap", "--exec", &exec, "--pod", "web", "--ticks", "1", "--table"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(text(&output.stdout).ends_with("  1 metrics\n"), "{}", text(&output.stdout));
    let failed = run(INSIGHTCTL, &["tap", "--exec", "false"]);
    assert!(
        text(&failed.stderr).contains("the command of --exec failed (exit code 1)"),
        "{}",
        text(&failed.stderr)
    );
}

/// A word that selects nothing is named, with those that the agent has.
#[test]
fn a_tap_without_anything_says_what_is_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("api.sock");
    let component = |pipeline: &str, slot: &str| json!({"pipeline": pipeline, "slot": slot});
    let mut state = crate::agent::state();
    state["status"]["components"] = json!([
        component("node", "transform-1"),
        component("node", "output-1"),
        component("cluster", "output-2")
    ]);
    let responses = Responses { tap: Some(TICK.into()), state: state.to_string(), ..Responses::default() };
    let _agent = FakeAgent::start(&socket, responses);
    for (options, why) in [
        (&[][..], ""),
        (
            &["--pipeline", "nod"],
            "--pipeline nod: no pipeline `nod`; did you mean `node`? the agent has cluster, node",
        ),
        (
            &["--before-after", "transfrom-1"],
            "--before-after transfrom-1: no slot `transfrom-1`; did you mean `transform-1`? the agent has output-1, output-2, transform-1",
        ),
        (
            &["--pipeline", "cluster", "--slot", "output-1"],
            "--pipeline cluster --slot output-1: no slot `output-1`; did you mean `output-2`? the agent has output-2",
        ),
        (&["--type", "pod"], "--type pod: types of events begin with a capital letter, such as `Pod`"),
        (
            &["--at", "batches", "--type", "Pod"],
            "--type Pod: types in batches are in small letters, such as `pod`",
        ),
        (&["--type", "Pod", "--pod", "web"], "--type Pod --pod web"),
    ] {
        let arguments = [&["tap", "--socket", argument(&socket), "--ticks", "1"], options].concat();
        let output = run(INSIGHTCTL, &arguments);
        let expected =
            if why.is_empty() { String::new() } else { format!("nothing passed in this tick with {why}\n") };
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), expected), "{options:?}");
    }
}
