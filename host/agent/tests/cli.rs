//! The command line as a user sees it: help, mistakes, checks. Golden texts are rewritten with `BLESS=1`.

#[path = "cli/explains.rs"]
mod explains;

use std::path::Path;
use std::process::{Command, Output};

fn insightd(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
    // The texts must not depend on the width of the terminal that runs the tests.
    command.env("COLUMNS", "100").env_remove("K8S_CLUSTER_NAME").args(arguments);
    command.output().expect("the agent starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[track_caller]
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help").join(name);
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, found).expect("golden text can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{} differs; BLESS=1 accepts this:\n{found}", path.display());
}

#[test]
fn help_says_what_there_is() {
    for (name, arguments) in [
        ("insightd.txt", &["--help"][..]),
        ("run.txt", &["run", "--help"]),
        ("check.txt", &["check", "--help"]),
        ("record.txt", &["record", "--help"]),
        ("status.txt", &["status", "--help"]),
        ("state-clear.txt", &["state", "clear", "--help"]),
        ("config.txt", &["config", "--help"]),
    ] {
        let output = insightd(arguments);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
        golden(name, &text(&output.stdout));
    }
}

#[test]
fn the_version_is_the_crates() {
    let output = insightd(&["--version"]);
    assert_eq!(text(&output.stdout), format!("insightd {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_64_and_says_why() {
    for (arguments, part) in [
        (&["frobnicate"][..], "unrecognized subcommand 'frobnicate'"),
        (&["run", "--interval", "2"], "invalid duration `2`"),
        (&["run", "--interval", "1ms"], "must be 100ms or more"),
        (&["run", "--config", "/nonexistent.yaml"], "/nonexistent.yaml: cannot be read: "),
        (&["run", "--once", "--host-root", "/nonexistent"], "host root /nonexistent: "),
        (&["run", "--once", "--host-root", "/usr"], "/usr/proc/meminfo: no such file"),
        (&["check", "/nonexistent.yaml"], "/nonexistent.yaml: cannot be read: "),
    ] {
        let output = insightd(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {error}");
        assert!(error.contains(part), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn commands_of_insightctl_are_named() {
    for command in ["completions", "replay", "diff", "script", "transform"] {
        let output = insightd(&[command, "--all"]);
        assert_eq!(output.status.code(), Some(64));
        let expected = format!("`{command}` is a command of `insightctl`: run `insightctl {command} …`\n");
        assert_eq!(text(&output.stderr), expected);
    }
}

#[test]
fn a_wrong_configuration_is_reported_whole() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests");
    let file = directory.join("wrong.yaml");
    let expected =
        std::fs::read_to_string(directory.join("wrong.expected")).expect("the expectation is there");
    let expected = expected.replace("insightd.yaml:", &format!("{}:", file.display()));
    for arguments in [&["check"][..], &["run", "--once", "--config"]] {
        let output = insightd(&[arguments, &[file.to_str().expect("UTF-8")]].concat());
        assert_eq!(output.status.code(), Some(64));
        assert_eq!(text(&output.stderr).trim_end(), expected.trim_end());
    }
}

#[test]
fn the_example_is_right() {
    let file = top().join("deploy/insightd.yaml");
    let output = insightd(&["check", file.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    assert!(
        lines.contains("pipeline node: builtin:decorate -> builtin:utilization -> builtin:emf -> stdout"),
        "{lines}"
    );
    // The outcome for the samples, which contain one entity of each kind.
    for scope in ["node", "cluster"] {
        let found = lines.lines().find(|line| line.contains(&format!(": sample {scope} to stdout: ")));
        let found = found.unwrap_or_else(|| panic!("{lines}"));
        assert!(found.contains(" events, 0 refused, ") && !found.contains(": 0 events"), "{found}");
        assert!(!found.contains(" 0 metrics declared"), "{found}");
    }
}

fn check(config: &str) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("insightd.yaml");
    std::fs::write(&file, config).expect("can be written");
    let output = insightd(&["check", file.to_str().expect("UTF-8")]);
    let shown = |bytes: &[u8]| text(bytes).replace(&file.display().to_string(), "FILE");
    (output.status.code(), shown(&output.stdout), shown(&output.stderr))
}

/// `check` finds an output whose events would all be refused, without a run.
#[test]
fn a_sample_shows_what_would_be_refused() {
    let to_cloudwatch = |emf: &str, more: &str| {
        format!(
            "sinks: {{c: {{type: cloudwatch_logs}}}}\npipelines:\n- name: a\n  transforms: [{{use: 'builtin:decorate'}}, {{use: \
             'builtin:utilization'}}]\n  outputs:\n  - formatter: {{use: 'builtin:emf', config: {{{emf}}}}}\n    sink: c\n{more}"
        )
    };
    let (code, _, errors) = check(&to_cloudwatch("log_group: /team/x", ""));
    assert_eq!(code, Some(64), "{errors}");
    assert!(
        errors.starts_with("FILE:6:5: pipelines[0].outputs[0].formatter: all ")
            && errors.contains(" sample events would be refused: log_group `/team/x` is not granted"),
        "{errors}"
    );
    let granted = "    routes: {log_group: [/team/x], log_stream: ['**']}\n";
    let (code, out, errors) = check(&to_cloudwatch("log_group: /team/x", granted));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(out.contains("sample node to c: ") && out.contains(" 0 refused, "), "{out}");
    // If the data provides the name, a sample without such data proves nothing.
    let (code, _, errors) = check(&to_cloudwatch("log_group: '/team/{squad}'", granted));
    assert_eq!(code, Some(0), "{errors}");
    assert!(errors.contains("warning: ") && errors.contains("route lacks the key `log_group`"), "{errors}");
    for (emf, wanted) in [
        ("log_group: aws/demo/performance", "formatter.config.log_group: names starting with `aws/`"),
        ("log_group: '/my group/{ClusterName}'", "formatter.config.log_group: expected at most 512"),
        ("log_stream: 'prod:{NodeName}'", "formatter.config.log_stream: expected at most 512"),
        ("namespace: AWS/Nodes", "formatter.config.namespace: expected 1 to 1024 ASCII"),
        ("namespace: ':x'", "formatter.config.namespace: expected 1 to 1024 ASCII"),
        ("namespace: Équipe/Nœuds", "formatter.config.namespace: expected 1 to 1024 ASCII"),
    ] {
        let (code, _, errors) = check(&to_cloudwatch(emf, granted));
        assert_eq!(code, Some(64), "{emf}: {errors}");
        assert!(errors.contains(wanted), "{emf}: {errors}");
    }
}

#[test]
fn everything_that_is_wrong_comes_in_one_pass() {
    let (code, _, errors) = check(
        "log: {level: debgu}\ntransforms_dir: /nonexistent\npipelines:\n- name: a\n  transforms:\n  - use: builtin:nobody\n  - use: \
         file:mine\n  - {use: 'builtin:decorate', config: {colour: red}}\n  outputs:\n  - formatter: {use: 'builtin:emf'}\n    sink: \
         nowhere\n",
    );
    assert_eq!(code, Some(64), "{errors}");
    let expected = [
        "FILE:1:14: log.level: invalid level `debgu`; did you mean debug?",
        "FILE:6:5: pipelines[0].transforms[0].use: unknown built-in `nobody`",
        "FILE:7:5: pipelines[0].transforms[1].use: /nonexistent/mine.wasm: No such file",
        "FILE:8:40: pipelines[0].transforms[2].config.colour: unknown key",
        "FILE:11:11: pipelines[0].outputs[0].sink: unknown sink `nowhere`",
    ];
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{errors}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\nis not\n{expected}");
    }
}

#[test]
fn what_is_hardly_meant_is_a_warning() {
    let (code, out, errors) = check(
        "state_dir: state\npipelines:\n- name: a\n  transforms: [{use: 'builtin:utilization'}, {use: 'builtin:decorate'}]\n  outputs:\n  \
         - formatter:\n      use: builtin:emf\n      config:\n        metric_declarations:\n        - {dimensions: [[ClusterName]], \
         metric_name_selectors: [team_cost]}\n",
    );
    assert_eq!(code, Some(0), "{errors}");
    for wanted in [
        "FILE:1:12: state_dir: warning: relative path",
        "FILE:4:16: pipelines[0].transforms[0].use: warning: `utilization` before `decorate`",
        "FILE:9:9: pipelines[0].outputs[0].formatter.config.metric_declarations: warning: replaces the 11 default declarations",
    ] {
        assert!(errors.contains(wanted), "{wanted}\nis not in\n{errors}");
    }
    assert!(out.contains(" 0 metrics declared") && out.contains("FILE: ok, bundle "), "{out}");
}

#[test]
fn components_that_are_not_what_is_asked_for_are_found_by_check() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("insightd.yaml");
    let zeros = "0".repeat(64);
    let config = format!(
        "pipelines:\n- name: a\n  transforms:\n  - use: builtin:emf\n  - use: builtin:nobody\n  - use: builtin:decorate\n    \
         sha256: '{zeros}'\n  - use: builtin:utilization\n    config:\n      no_such_key: 1\n      enhanced: 2\n  outputs:\n  - formatter: {{use: \
         builtin:utilization}}\n"
    );
    std::fs::write(&file, config).expect("can be written");
    let output = insightd(&["check", file.to_str().expect("UTF-8")]);
    let report = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{report}");
    let lines: Vec<&str> = report.lines().collect();
    let expected = [
        ":4:5: pipelines[0].transforms[0].use: builtin:emf is a formatter; this slot requires a transform",
        ":5:5: pipelines[0].transforms[1].use: unknown built-in `nobody`; known built-ins: decorate, utilization, emf, script",
        ":6:5: pipelines[0].transforms[2].sha256: SHA-256 mismatch for builtin:decorate: ",
        ":10:7: pipelines[0].transforms[3].config.no_such_key: unknown key",
        ":11:7: pipelines[0].transforms[3].config.enhanced: expected true or false",
        ":13:5: pipelines[0].outputs[0].formatter.use: builtin:utilization is a transform; this slot requires a formatter",
    ];
    assert_eq!(lines.len(), expected.len(), "{report}");
    for (line, expected) in lines.iter().zip(expected) {
        let rest = line.strip_prefix(&file.display().to_string()).unwrap_or(line);
        assert!(rest.starts_with(expected), "{rest}\nis not\n{expected}");
    }
}

#[test]
fn mistakes_of_a_program_have_lines_of_the_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("insightd.yaml");
    let config = "pipelines:\n- name: a\n  transforms:\n  - use: builtin:script\n    config:\n      program: |\n        for pod in \
                  all(\"pods\") {\n            gaugee(pod, \"x\");\n        }\n  outputs:\n  - formatter: {use: builtin:emf}\n";
    std::fs::write(&file, config).expect("can be written");
    let output = insightd(&["check", file.to_str().expect("UTF-8")]);
    let report = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{report}");
    let path = "pipelines[0].transforms[0].config.program";
    for expected in [
        format!(":7:24: {path}: unknown kind of entity pods; did you mean pod?"),
        format!(":8:13: {path}: unknown function gaugee; did you mean gauge?"),
    ] {
        let expected = format!("{}{expected}", file.display());
        assert!(report.lines().any(|line| line.starts_with(&expected)), "{report}\nhas no\n{expected}");
    }
}

#[test]
fn mistakes_of_a_program_in_a_file_have_its_lines() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("insightd.yaml");
    let config = format!(
        "transforms_dir: {:?}\npipelines:\n- name: a\n  transforms:\n  - use: builtin:script\n    config_files: {{program: team.rhai}}\n  outputs:\n  \
         - formatter: {{use: builtin:emf}}\n",
        directory.path()
    );
    std::fs::write(&file, config).expect("can be written");
    let check = || insightd(&["check", file.to_str().expect("UTF-8")]);
    let place = format!("{}:6:20: pipelines[0].transforms[0].config_files.program: ", file.display());

    let missing = text(&check().stderr);
    let program = directory.path().join("team.rhai");
    assert!(missing.contains(&format!("{place}{}: ", program.display())), "{missing}");

    std::fs::write(&program, "// a team's own\nfor pod in all(\"pods\") { }\n").expect("can be written");
    let wrong = check();
    let report = text(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(64), "{report}");
    assert!(report.contains(&format!("{place}team.rhai:2:16: unknown kind of entity pods")), "{report}");

    std::fs::write(&program, "for pod in all(\"pod\") { remove(pod); }\n").expect("can be written");
    let right = check();
    assert_eq!(right.status.code(), Some(0), "{}", text(&right.stderr));
}

/// The reader closes the pipe after one line, as `head -1` does, or at once.
#[test]
fn a_reader_that_goes_away_is_no_fault_of_the_command() {
    let directory = tempfile::tempdir().expect("a directory");
    let good = directory.path().join("good.yaml");
    std::fs::write(&good, "interval: 30s\n").expect("a file");
    let good = good.to_str().expect("UTF-8");
    let bad = directory.path().join("bad.yaml");
    std::fs::write(&bad, "intervall: 30s\n").expect("a file");
    let bad = bad.to_str().expect("UTF-8");
    for (arguments, code) in [
        (&["check", good][..], 0),
        (&["check", bad], 64),
        (&["--help"], 0),
        (&["status", "--address", "127.0.0.1:9"], 1),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let error = writer.try_clone().expect("a pipe");
        // Standard error has no reader either.
        let mut command = Command::new(env!("CARGO_BIN_EXE_insightd"));
        let status = command.args(arguments).stdout(writer).stderr(error).status().expect("the agent starts");
        assert_eq!(status.code(), Some(code), "{arguments:?}: {status}");
    }
}
