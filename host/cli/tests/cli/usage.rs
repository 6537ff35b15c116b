//! Help and mistakes. Golden texts are rewritten with `BLESS=1`.

use std::process::{Command, Output};

use crate::common::{golden, text};

fn insightctl(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_insightctl"));
    // The width of whoever runs the tests must not show in the texts.
    command.env("COLUMNS", "100").args(arguments).output().expect("the program starts")
}

#[test]
fn help_says_what_there_is() {
    for (name, arguments) in [
        ("insightctl.txt", &["--help"][..]),
        ("check.txt", &["check", "--help"]),
        ("cost.txt", &["cost", "--help"]),
        ("demo.txt", &["demo", "--help"]),
        ("diff.txt", &["diff", "--help"]),
        ("plot.txt", &["plot", "--help"]),
        ("replay.txt", &["replay", "--help"]),
        ("script-try.txt", &["script", "try", "--help"]),
        ("status.txt", &["status", "--help"]),
        ("tap.txt", &["tap", "--help"]),
        ("top.txt", &["top", "--help"]),
        ("transform.txt", &["transform", "--help"]),
        ("transform-new.txt", &["transform", "new", "--help"]),
        ("transform-build.txt", &["transform", "build", "--help"]),
        ("transform-test.txt", &["transform", "test", "--help"]),
        ("transform-inspect.txt", &["transform", "inspect", "--help"]),
        ("config.txt", &["config", "--help"]),
        ("completions.txt", &["completions", "--help"]),
        ("ui.txt", &["ui", "--help"]),
    ] {
        let output = insightctl(arguments);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
        golden(&format!("help/{name}"), &text(&output.stdout));
    }
}

#[test]
fn the_version_is_the_crates() {
    let output = insightctl(&["--version"]);
    assert_eq!(text(&output.stdout), format!("insightctl {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn unreadable_programs_are_64_and_say_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("program.rhai");
    // 65,535 is odd: the bound is within a character of two bytes.
    for (program, part) in [
        ("ä".repeat(40_000).into_bytes(), "the program is longer than 65535 bytes"),
        (b"\xff".to_vec(), "the program is not UTF-8"),
    ] {
        std::fs::write(&file, program).expect("can be written");
        let output = insightctl(&["script", "try", file.to_str().expect("UTF-8")]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{error}");
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn wrong_usage_is_64_and_says_why() {
    for (arguments, part) in [
        (&["frobnicate"][..], "unrecognized subcommand 'frobnicate'"),
        (&["check", "/nonexistent.yaml"], "/nonexistent.yaml: cannot be read: "),
        (&["transform", "inspect", "/nonexistent.wasm"], "/nonexistent.wasm: No such file"),
        (&["transform", "inspect", "/etc/passwd"], "/etc/passwd: not a WebAssembly component"),
        (&["transform", "test", "/nonexistent"], "/nonexistent/tests/golden is not a directory"),
        (&["diff", "/nonexistent.jsonl", "/nonexistent.yaml"], "<B>"),
        (&["replya"], "a similar subcommand exists: 'replay'"),
        (&["replay", "a.jsonl", "--log-level", "debgu"], "did you mean debug?"),
        (&["cost", "a.jsonl", "--nodes", "0"], "0 is not in 1..=100000"),
        (&["cost", "a.jsonl", "--prices", "/nonexistent.yaml"], "/nonexistent.yaml: cannot be read: "),
        (&["cost", "/nonexistent.jsonl"], "/nonexistent.jsonl: cannot be read: "),
        (&["top", "--exec", " "], "expected a command, such as 'kubectl exec"),
        (&["top", "--address", "localhost"], "expected HOST:PORT"),
        (&["top", "--socket", "a", "--address", "localhost:1"], "cannot be used with '--address"),
        (&["top", "--interval", "1ms"], "expected a duration from 100ms to 1h"),
        (&["top", "a.jsonl", "--exec", "true"], "cannot be used with"),
        (&["tap", "--before-after", "transform-1", "--table"], "cannot be used with"),
        (&["tap", "--ticks", "0"], "0 is not in"),
        (&["completions", "tcsh"], "[possible values: bash, elvish, fish, powershell, zsh]"),
    ] {
        let output = insightctl(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {error}");
        assert!(error.contains(part), "{arguments:?}: {error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn both_programs_have_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        for (program, commands) in
            [(None, ["replay", "transform"]), (Some("insightd"), ["record", "--log-level"])]
        {
            let arguments: Vec<&str> = ["completions", shell].into_iter().chain(program).collect();
            let output = insightctl(&arguments);
            assert_eq!(
                (output.status.code(), text(&output.stderr)),
                (Some(0), String::new()),
                "{arguments:?}"
            );
            let script = text(&output.stdout);
            let words = [program.unwrap_or("insightctl"), commands[0], commands[1].trim_start_matches('-')];
            for word in words {
                assert!(script.contains(word), "{arguments:?}: {word} is not in\n{script}");
            }
        }
    }
}
