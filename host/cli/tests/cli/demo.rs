//! `insightctl demo` and `insightctl replay --summary`. Golden texts are rewritten with `BLESS=1`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::common::{argument, golden, run, text};

const INSIGHTCTL: &str = env!("CARGO_BIN_EXE_insightctl");

/// Runs a command that must succeed and print nothing on standard error. Returns its output.
#[track_caller]
fn good(arguments: &[&str]) -> String {
    let output = run(INSIGHTCTL, arguments);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
    text(&output.stdout)
}

fn events(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("one JSON object per line")).collect()
}

fn saved(directory: &Path) -> PathBuf {
    let file = directory.join("node.jsonl");
    let output = run(INSIGHTCTL, &["demo", "--save", argument(&file)]);
    let log = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{log}");
    assert!(log.ends_with(&format!("try `insightctl replay {} --summary`\n", file.display())), "{log}");
    file
}

#[test]
fn the_summary_is_as_it_was() {
    golden("demo/summary.txt", &good(&["demo"]));
    golden("demo/enhanced.txt", &good(&["demo", "--enhanced"]));
    golden("demo/pod.txt", &good(&["demo", "--type", "Pod"]));
    golden("demo/container.txt", &good(&["demo", "--type", "Container"]));
}

/// Counts the metrics of events without the code of the summary: by type, with `total` for all.
fn counts(events: &[Value]) -> BTreeMap<String, (usize, usize)> {
    let mut metrics: BTreeMap<&str, (usize, BTreeSet<String>)> = BTreeMap::new();
    for event in events {
        let mut own = BTreeSet::new();
        for directive in event["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten() {
            for set in directive["Dimensions"].as_array().expect("sets of dimensions") {
                let mut dimensions: Vec<String> = set
                    .as_array()
                    .expect("names")
                    .iter()
                    .map(|key| {
                        let key = key.as_str().expect("a name");
                        format!("{key}={}", event[key].as_str().expect("each dimension has a value"))
                    })
                    .collect();
                dimensions.sort();
                for metric in directive["Metrics"].as_array().expect("metrics") {
                    let name = metric["Name"].as_str().expect("a name");
                    assert!(event[name].is_number(), "{name} is declared and absent: {event}");
                    own.insert(format!("{} {name} {dimensions:?}", directive["Namespace"]));
                }
            }
        }
        for kind in [event["Type"].as_str().expect("each event has a type"), "total"] {
            let (count, all) = metrics.entry(kind).or_default();
            *count += 1;
            all.extend(own.iter().cloned());
        }
    }
    metrics.into_iter().map(|(kind, (events, all))| (kind.to_owned(), (events, all.len()))).collect()
}

/// Reads events and metrics by type from the table of a summary.
fn printed(summary: &str) -> BTreeMap<String, (usize, usize)> {
    let table = summary.lines().skip_while(|line| !line.starts_with("TYPE ")).skip(1);
    let rows = table.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with(' '));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let number = |cell: &str| cell.parse().expect("a number");
        (cells[0].to_owned(), (number(cells[1]), number(cells[2])))
    };
    rows.map(row).collect()
}

#[test]
fn the_totals_are_those_of_the_events() {
    for more in [&[][..], &["--enhanced"]] {
        let expected = counts(&events(&good(&[&["demo", "--json"], more].concat())));
        assert!(expected["total"].1 > 20 && expected["Pod"].0 > 5, "{expected:?}");
        assert_eq!(printed(&good(&[&["demo"], more].concat())), expected, "{more:?}");
    }
}

#[test]
fn the_events_are_those_of_a_replay_of_the_saved_recording() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = saved(directory.path());
    let lines = good(&["demo", "--json"]);
    let replayed = run(INSIGHTCTL, &["replay", argument(&file)]);
    assert!(lines == text(&replayed.stdout), "the events of demo and replay differ");

    let pods = events(&good(&["demo", "--json", "--type", "Pod"]));
    let all = events(&lines);
    let expected: Vec<&Value> = all.iter().filter(|event| event["Type"] == "Pod").collect();
    assert!(pods.iter().collect::<Vec<_>>() == expected && pods.len() < all.len());

    let demo = good(&["demo"]);
    let summary = good(&["replay", argument(&file), "--summary"]);
    assert!(summary.lines().count() > 20 && demo.contains(&summary), "{summary}");

    let again = run(INSIGHTCTL, &["demo", "--save", argument(&file)]);
    assert_eq!(again.status.code(), Some(64));
    assert!(text(&again.stderr).contains("the file exists already and is not overwritten"));
    let nowhere = run(INSIGHTCTL, &["demo", "--save", "/nonexistent/node.jsonl"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere.stderr).starts_with("cannot create /nonexistent/node.jsonl: No such file"));
}

#[test]
fn pipelines_of_a_configuration_can_be_tried() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = directory.path().join("insightd.yaml");
    let pipeline = "\
node: {cluster_name: mine}
pipelines:
- name: node
  transforms: [{use: builtin:decorate}, {use: builtin:utilization}]
  outputs:
  - formatter:
      use: builtin:emf
      config: {metric_declarations: [{dimensions: [[NodeName]], metric_name_selectors: [node_cpu_utilization]}]}
";
    fs::write(&config, pipeline).expect("can be written");
    let summary = good(&["demo", "--config", argument(&config)]);
    assert_eq!(printed(&summary)["total"].1, 1, "{summary}");
    assert!(summary.contains("node_cpu_utilization by NodeName\n"), "{summary}");
    assert!(summary.contains("/aws/containerinsights/mine/performance"), "{summary}");

    fs::write(&config, "intervall: 1s\n").expect("can be written");
    let wrong = run(INSIGHTCTL, &["demo", "--config", argument(&config)]);
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(64), 0), "{}", text(&wrong.stderr));
}

#[test]
fn a_type_that_no_event_has_is_an_error() {
    for arguments in [&["demo", "--type", "pod"][..], &["demo", "--json", "--type", "pod"]] {
        let output = run(INSIGHTCTL, arguments);
        let expected = "--type pod: no event has this type; types: Container, ContainerFS, Node, NodeDiskIO, \
                        NodeFS, NodeNet, Pod, PodNet\n";
        assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(64), expected));
        assert!(output.stdout.is_empty());
    }
}

/// The reader closes the pipe at once.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in [&["demo"][..], &["demo", "--json"], &["demo", "--type", "Pod"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(INSIGHTCTL);
        let process = command.args(arguments).stdout(writer).stderr(Stdio::piped()).spawn();
        let output: Output = process.expect("the program starts").wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
    }
}

#[test]
fn strange_names_do_nothing_to_a_terminal_and_keep_the_columns() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = saved(directory.path());
    let recording = fs::read_to_string(&file).expect("the recording");
    let name = r#""pod.name":"scratch""#;
    assert!(recording.contains(name), "the recording has the pod");
    let strange = recording.replace(name, r#""pod.name":"\u001b[2J\n\u202escratch-of-a-very-long-name""#);
    fs::write(&file, strange).expect("can be written");
    let output = run(INSIGHTCTL, &["replay", argument(&file), "--summary"]);
    let (summary, log) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert!(log.contains("attribute PodName is not ASCII"), "{log}");
    assert!(summary.chars().all(|c| c == '\n' || !c.is_control()), "{summary:?}");
    let rows: Vec<&str> = summary.lines().skip_while(|line| !line.starts_with("NAMESPACE ")).collect();
    let status = rows[0].find("STATUS").expect("a column");
    let row = rows.iter().find(|line| line.contains(r"\u{1b}[2J\n\u{202e}scratch-of-a-very-long-name"));
    assert!(row.is_some_and(|row| row[status..].starts_with("Running ")), "{summary}");
    let other = rows.iter().find(|line| line.contains("no-image")).expect("another pod");
    assert!(other[status..].starts_with("Pending "), "{summary}");
}

/// The demo is what a newcomer runs first, with nothing but the program.
#[test]
fn the_program_alone_is_enough() {
    let directory = tempfile::tempdir().expect("a directory");
    let alone = directory.path().join("insightctl");
    fs::copy(INSIGHTCTL, &alone).expect("the program can be copied");
    let output = Command::new(&alone)
        .arg("demo")
        .env_clear()
        .current_dir(directory.path())
        .output()
        .expect("it starts");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(text(&output.stdout) == good(&["demo"]));
}
