//! The author's workflow: from nothing to a component that passes its golden case.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{argument, installed, run, text, top};

/// Returns true if components can be built here. Cargo uses the crates that this workspace was built with.
fn can_build() -> bool {
    let output =
        Command::new("rustc").args(["--print", "target-libdir", "--target", "wasm32-wasip2"]).output();
    let library = output.map(|output| PathBuf::from(text(&output.stdout).trim()));
    let found = library.is_ok_and(|library| library.is_dir())
        && Command::new("cargo").arg("--version").output().is_ok();
    if !found {
        eprintln!(
            "SKIPPED: cargo, or the Rust target wasm32-wasip2, is missing: `rustup target add wasm32-wasip2`"
        );
    }
    found
}

/// Returns a command that builds offline, with a target directory that later runs reuse.
fn builds(program: impl AsRef<std::ffi::OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("CARGO_NET_OFFLINE", "true").current_dir(directory);
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("author-target"));
    command
}

fn done(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

#[track_caller]
fn good(output: &Output) -> String {
    let (out, log) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
    out
}

fn from_nothing_to_a_passing_case(name: &str, options: &[&str], expected: &str) {
    if !can_build() {
        return;
    }
    let Some(insightctl) = installed(name) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let krate = directory.path().join(name);
    let made =
        good(&done(builds(&insightctl, directory.path()).args(["transform", "new", name]).args(options)));
    assert!(made.contains(&format!("insightctl transform build {name}\n")), "{made}");

    let lock_file = krate.join("Cargo.lock");
    let locked = fs::read_to_string(&lock_file).ok();
    if locked.is_some() {
        good(&done(builds("cargo", &krate).args(["metadata", "--quiet", "--locked", "--format-version=1"])));
    }
    let built = good(&done(builds(&insightctl, directory.path()).args(["transform", "build", name])));
    let wasm = krate.join("target/transforms").join(name).with_extension("wasm");
    let bytes = fs::metadata(&wasm).expect("the component is where it is said to be").len();
    for part in
        [format!("size      {bytes} bytes"), format!("{name} 0.1.0"), " of insights:transform@".into()]
    {
        assert!(built.contains(&part), "{part} is not in:\n{built}");
    }
    assert!(bytes < 200_000, "{bytes} bytes is a fifth of a ConfigMap");

    // From inside the crate, as its README says.
    let test = |more: &[&str]| done(builds(&insightctl, &krate).args(["transform", "test"]).args(more));
    assert!(good(&test(&[])).contains("ok        first"));
    good(&done(builds("cargo", &krate).args(["test", "--quiet"])));
    good(&done(builds("cargo", &krate).args(["fmt", "--check"])));
    if locked.is_some() {
        assert_eq!(fs::read_to_string(&lock_file).ok(), locked, "Cargo keeps the lock file as it is");
    }

    let expectation = krate.join("tests/golden/first").join(expected);
    let right = fs::read_to_string(&expectation).expect("the case has an expectation");
    fs::write(&expectation, right.replace("12.5", "13").replace("nobody", "somebody"))
        .expect("can be written");
    let failed = test(&[]);
    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed.stdout));
    assert!(text(&failed.stdout).contains("FAILED    first"));
    assert!(text(&failed.stderr).contains("run with --bless to accept the actual output"));
    assert!(good(&test(&["--bless"])).contains("rewritten first"));
    assert!(good(&test(&[])).contains("ok        first"));

    let source = krate.join("src/lib.rs");
    let right = fs::read_to_string(&source).expect("the crate has a source");
    let (before, macro_call) = right.rsplit_once("insights_sdk::export_").expect("it ends with the macro");
    let method = "batch: &Batch) -> Result<(), String> {";
    if let Some((head, tail)) = before.split_once(method) {
        let talk = r#"
        log::info("seen");
        println!("printed");
        if batch.scope_id().is_empty() {
            println!("{:?}", std::time::Instant::now());
        }"#;
        let talkative = format!("{head}{method}{talk}{tail}insights_sdk::export_{macro_call}");
        fs::write(&source, talkative).expect("can be written");
        let built = done(builds(&insightctl, &krate).args(["transform", "build"]));
        good(&built);
        assert!(
            text(&built.stderr).contains("warning: the component reads a clock"),
            "{}",
            text(&built.stderr)
        );
        assert!(!good(&test(&[])).contains("seen"), "a case that passes is one line");
        let shown = good(&test(&["--show-output"]));
        assert!(
            shown.contains("ok        first\n          INFO  seen\n          INFO  printed\n"),
            "{shown}"
        );
        let blessed = fs::read_to_string(&expectation).expect("the case has an expectation");
        fs::write(&expectation, blessed.replace("nobody", "somebody")).expect("can be written");
        let failed = text(&test(&[]).stdout);
        assert!(failed.contains("FAILED") && failed.contains("          INFO  printed\n"), "{failed}");
    }
    fs::write(&source, before).expect("can be written");
    let without = done(builds(&insightctl, &krate).args(["transform", "build"]));
    let log = text(&without.stderr);
    assert_eq!(without.status.code(), Some(1), "{log}");
    assert!(log.contains("add `insights_sdk::export_transform!(TYPE);`"), "{log}");

    fs::write(&source, "mistake").expect("can be written");
    let broken = done(builds(&insightctl, &krate).args(["transform", "build"]));
    let log = text(&broken.stderr);
    assert_eq!(broken.status.code(), Some(1), "{log}");
    assert!(
        log.contains("src/lib.rs:1") && log.contains("build failed; fix the errors of Cargo above"),
        "{log}"
    );
}

#[test]
fn from_nothing_to_a_transform() {
    from_nothing_to_a_passing_case("cost-labels", &[], "expected.json");
}

#[test]
fn from_nothing_to_a_formatter_with_the_sdk_of_a_checkout() {
    let top = top().canonicalize().expect("the checkout");
    let options = ["--formatter", "--sdk", argument(&top)];
    from_nothing_to_a_passing_case("pod-lines", &options, "expected.events");
}

#[test]
fn nothing_is_overwritten_and_names_are_checked() {
    let directory = tempfile::tempdir().expect("a directory");
    let parent = argument(directory.path());
    fs::create_dir(directory.path().join("taken")).expect("a directory");
    for (arguments, part) in [
        (&["taken", "--in", parent][..], "taken already exists: nothing was written"),
        (&["Team", "--in", parent], "invalid component name `Team`: "),
        (&["../x", "--in", parent], "invalid component name `../x`: "),
        (&["struct", "--in", parent], "`struct` is reserved in Rust or the SDK"),
        (&["a", "--in", "/nonexistent"], "--in /nonexistent: No such file"),
        (&["a", "--in", parent, "--sdk", "/usr"], "--sdk /usr: neither a checkout of insightd"),
    ] {
        let output = run(env!("CARGO_BIN_EXE_insightctl"), &[&["transform", "new"], arguments].concat());
        let log = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {log}");
        assert!(log.contains(part), "{arguments:?}: {log}");
    }
    let left = fs::read_dir(directory.path()).expect("the directory");
    assert_eq!(left.count(), 1, "nothing but the directory that was there");
    assert!(fs::read_dir(directory.path().join("taken")).expect("the directory").next().is_none());
}

#[test]
fn what_is_missing_for_a_build_is_said_with_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let parent = argument(directory.path());
    let insightctl = env!("CARGO_BIN_EXE_insightctl");
    let no_crate = run(insightctl, &["transform", "build", parent]);
    assert_eq!(no_crate.status.code(), Some(64));
    assert!(text(&no_crate.stderr).contains("create one with `insightctl transform new NAME`"));

    good(&run(insightctl, &["transform", "new", "a", "--in", parent]));
    let script = |name: &str, text: &str| {
        let file = directory.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("can be made a program");
        file
    };
    let here = script("here", &format!("echo {parent}"));
    let without = script("without", "echo /nonexistent/lib");
    let old = script("old", "echo 'error: unknown target' >&2; exit 1");
    let none = Path::new("/nonexistent/tool");
    for (rustc, cargo, part) in [
        (
            none,
            none,
            "`/nonexistent/tool` is not installed, or not on the PATH: install Rust (https://rustup.rs)",
        ),
        (
            &*without,
            none,
            "the Rust target wasm32-wasip2 is not installed: run `rustup target add wasm32-wasip2`",
        ),
        (&*old, none, "run `rustup update` (1.95 or newer is needed). rustc reports: error: unknown target"),
        (&*here, none, "`/nonexistent/tool` is not installed"),
        (&*here, &*here, "Cargo built no component; set `crate-type"),
    ] {
        let mut command = Command::new(insightctl);
        command
            .args(["transform", "build", "a"])
            .current_dir(directory.path())
            .env("RUSTC", rustc)
            .env("CARGO", cargo);
        let output = done(&mut command);
        let log = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains(part), "{part} is not in: {log}");
    }
}

#[test]
fn watching_tests_again_after_a_change_until_it_is_ended() {
    let Some(insightctl) = installed("watch") else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let case = directory.path().join("tests/golden/case");
    fs::create_dir_all(&case).expect("a directory");
    let batch = r#"{"scope":"node","id":"n1","time_unix_ms":1}"#;
    let wrong = batch.replace("n1", "n2");
    fs::write(case.join("batch.json"), batch).expect("can be written");
    fs::write(case.join("expected.json"), &wrong).expect("can be written");
    let wasm = top().join("target/transforms/utilization.wasm");
    let mut command = Command::new(&insightctl);
    command.args(["transform", "test", argument(directory.path()), "--wasm", argument(&wasm), "--watch"]);
    let mut watching =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the agent starts");
    let mut lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    let mut until = |wanted: &str| {
        let found = lines.by_ref().map(|line| line.expect("UTF-8")).find(|line| line.starts_with(wanted));
        assert!(found.is_some(), "{wanted} never came");
    };
    until("FAILED    case");
    until("waiting for a change of cases and component in ");
    fs::write(case.join("expected.json"), batch).expect("can be written");
    until("ok        case");
    until("waiting for a change");
    let pid = Pid::from_raw(i32::try_from(watching.id()).expect("a pid")).expect("not 0");
    // Not SIGINT: processes started in the background of a shell without job control inherit it as ignored.
    kill_process(pid, Signal::TERM).expect("it can be signalled");
    let status = watching.wait().expect("it ends");
    assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
}
