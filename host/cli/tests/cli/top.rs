//! `insightctl top` in a terminal. Golden texts are rewritten with `BLESS=1`.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use crate::agent::{FakeAgent, Responses, batch, healthy, state};
use crate::common::{argument, golden, run, text};
use crate::terminal::Terminal;

const INSIGHTCTL: &str = env!("CARGO_BIN_EXE_insightctl");

/// Writes a recording of three frames: that of the demo, then with later times and more CPU time of every third entity, and
/// with half as much more of every other third.
fn recording(directory: &Path) -> PathBuf {
    recording_of(directory, 3, |frame, position| 2 + frame * (position % 3))
}

/// Writes a recording of so many frames with the demo's values, but other CPU times: those of a frame and of the so many-th entity with
/// such a counter are a multiple of half the demo's.
pub(crate) fn recording_of(directory: &Path, frames: u64, halves: impl Fn(u64, u64) -> u64) -> PathBuf {
    let demo = directory.join("demo.jsonl");
    let saved = run(INSIGHTCTL, &["demo", "--save", argument(&demo)]);
    assert!(saved.status.success(), "{}", text(&saved.stderr));
    let content = fs::read_to_string(&demo).expect("the recording");
    let mut lines = content.lines();
    let (header, batch) = (lines.next().expect("a header"), lines.next().expect("a batch"));
    let batch: Value = serde_json::from_str(batch).expect("a batch");
    let mut recording = format!("{header}\n");
    for frame in 0..frames {
        let mut batch = batch.clone();
        batch["time_unix_ms"] = (1_795_256_488_805_u64 + frame * 60_000).into();
        let entities = batch["entities"].as_array_mut().expect("entities");
        let mut position = 0;
        for entity in entities {
            grow(entity, &|position| halves(frame, position), &mut position);
        }
        recording.push_str(&format!("{batch}\n"));
    }
    let file = directory.join("node.jsonl");
    fs::write(&file, recording).expect("can be written");
    file
}

/// Multiplies the CPU time of a tick by halves, which depend on the position of the entity.
fn grow(entity: &mut Value, halves: &dyn Fn(u64) -> u64, position: &mut u64) {
    if let Some([current, previous, _]) = entity["counters"]["cpu.usage_ns"].as_array().map(Vec::as_slice) {
        let (current, previous) = (current.as_u64().expect("a count"), previous.as_u64().expect("a count"));
        entity["counters"]["cpu.usage_ns"][0] =
            (previous + (current - previous) / 2 * halves(*position)).into();
        *position += 1;
    }
    let children = entity.get_mut("children").and_then(Value::as_array_mut);
    for child in children.into_iter().flatten() {
        grow(child, halves, position);
    }
}

/// Frame 3 of 3 is known, and the first one is shown.
fn is_read(screen: &str) -> bool {
    screen.contains("frame 1/3") && !screen.contains("/3+")
}

#[test]
fn a_recording_is_played_and_stepped() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recording(directory.path());
    let mut terminal = Terminal::start(&["top", argument(&file), "--interval", "100ms"], &[], 110, 24);
    terminal.wait(is_read);
    terminal.press("\x1b[C");
    terminal.wait(|screen| screen.contains("paused, frame 2/3"));
    terminal.press("\x1b[D");
    terminal.wait(|screen| screen.contains("paused, frame 1/3"));
    terminal.press(" ");
    terminal.wait(|screen| screen.contains("paused, frame 3/3"));
    assert!(terminal.with(|screen| screen.alternate_screen()));
    terminal.press("q");
    assert_eq!(terminal.end().code(), Some(0));
}

#[test]
fn the_views_of_a_recording_are_as_they_were() {
    let directory = tempfile::tempdir().expect("a directory");
    recording(directory.path());
    let mut terminal = Terminal::start_in(directory.path(), &["top", "node.jsonl"], &[], 110, 16);
    terminal.wait(is_read);
    terminal.press("}");
    let pods = terminal.settled(|screen| screen.contains("frame 3/3"));
    golden("top/pods.txt", &format!("{pods}\n"));
    terminal.press("\t");
    golden("top/containers.txt", &format!("{}\n", terminal.settled(|screen| screen.contains("access-log"))));
    terminal.press("1");
    golden("top/nodes.txt", &format!("{}\n", terminal.settled(|screen| screen.contains("CONTAINERS"))));
    terminal.press("4");
    terminal.wait(|screen| screen.contains("builtin:decorate"));
    terminal.press("6");
    terminal.wait(|screen| screen.contains("a recording has batches only; this view needs a running agent"));
    terminal.press("2sworking\r");
    terminal.wait(|screen| screen.contains("MEMORY▼") || screen.contains("pod_memory_working_set▼"));
    terminal.press("/coredns");
    terminal.wait(|screen| screen.contains("/coredns_") && !screen.contains("shop/web"));
    terminal.press("\rq");
    assert_eq!(terminal.end().code(), Some(0));
}

#[test]
fn a_narrow_terminal_without_utf_8_is_enough() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recording(directory.path());
    let terminal = Terminal::start(&["top", argument(&file)], &[("LANG", "C"), ("NO_COLOR", "1")], 100, 24);
    terminal.wait(is_read);
    terminal.resize(40, 12);
    let screen = terminal.settled(|screen| screen.contains("< 2 Pods > 2/7") && screen.contains("mCPU*"));
    assert!(screen.is_ascii() && screen.lines().all(|line| line.len() <= 40), "{screen}");
    terminal.with(|screen| {
        let cells = (0..12).flat_map(|row| (0..40).map(move |column| (row, column)));
        for (row, column) in cells {
            let cell = screen.cell(row, column).expect("a cell");
            assert_eq!((cell.fgcolor(), cell.bgcolor()), (vt100::Color::Default, vt100::Color::Default));
        }
    });
    let mut terminal = terminal;
    terminal.press("\x03");
    assert_eq!(terminal.end().code(), Some(0));
}

#[test]
fn signals_restore_the_terminal() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recording(directory.path());
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 131)] {
        let terminal = Terminal::start(&["top", argument(&file)], &[], 80, 24);
        terminal.wait(is_read);
        assert!(!terminal.is_canonical());
        terminal.signal(signal);
        assert_eq!(terminal.end().code(), Some(code));
    }
}

/// Without a controlling terminal there is no SIGHUP; the program sees that nothing can be read or drawn.
#[test]
fn a_closed_terminal_ends_the_program() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recording(directory.path());
    let terminal = Terminal::start(&["top", argument(&file)], &[], 80, 24);
    terminal.wait(is_read);
    let code = terminal.close().code();
    assert!(matches!(code, Some(1 | 129)), "{code:?}");
    let terminal = Terminal::start(&["top", argument(&file)], &[("TEST_NO_CTTY", "1")], 80, 24);
    terminal.wait(is_read);
    assert_eq!(terminal.close().code(), Some(1));
}

#[test]
fn a_dumb_terminal_gets_a_plain_table() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recording(directory.path());
    let terminal = Terminal::start(&["top", argument(&file)], &[("TERM", "dumb")], 110, 24);
    terminal.wait(|screen| screen.contains("shop/web") && screen.contains("  Pods"));
    assert!(terminal.is_canonical());
    assert_eq!(terminal.end().code(), Some(0));
}

/// The command of --exec is split as by a shell; a reason that is longer than a line is on several.
#[test]
fn a_command_has_quotes() {
    let arguments =
        |command: &'static str| ["top", "--exec", command, "--interval", "100ms", "--view", "stages"];
    let failing = r#"sh -c 'echo "error: $1 $2 on this node: the socket of the agent, which the state directory has, is missing" >&2; exit 3' sh"#;
    let mut terminal = Terminal::start(&arguments(failing), &[], 80, 24);
    terminal.wait(|screen| {
        let screen = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        screen.contains("failed (exit code 3): error: insightd api on this node")
            && screen.contains("has, is missing; trying again")
    });
    terminal.press("q");
    assert_eq!(terminal.end().code(), Some(0));
    let open = run(INSIGHTCTL, &["top", "--exec", "sh -c 'exec"]);
    assert_eq!(open.status.code(), Some(64));
    assert!(text(&open.stderr).contains("a quote is not closed"), "{}", text(&open.stderr));
}

#[test]
fn an_agent_is_followed_when_it_goes_and_comes_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("api.sock");
    let arguments = ["top", "--socket", argument(&socket), "--interval", "100ms"];
    let mut terminal = Terminal::start(&arguments, &[], 120, 24);
    terminal.wait(|screen| screen.contains("no such socket") && screen.contains("no response for"));
    let agent = FakeAgent::start(&socket, healthy(&batch(&[("web", 5.0), ("db\u{1b}[2J", 7.0)])));
    let screen = terminal.wait(|screen| screen.contains("live") && screen.contains("shop/db"));
    assert!(screen.contains(r"shop/db\u{1b}[2J"), "{screen}");
    let order = [screen.find("shop/db"), screen.find("shop/web")];
    assert!(order[0] < order[1], "{screen}");
    terminal.press("4");
    let screen = terminal.wait(|screen| screen.contains("125.0 ms"));
    assert!(screen.contains("node transform-1") && screen.contains(r"trapped\u{1b}[2J"), "{screen}");
    terminal.press("5");
    terminal.wait(|screen| screen.contains("2.0 KiB") && screen.contains("logs"));
    terminal.press("6");
    terminal.wait(|screen| screen.contains("rejected") && screen.contains("events: 0 instead of 5"));
    terminal.press("7");
    terminal.wait(|screen| screen.contains("node kubelet") && screen.contains("12.0 s"));
    drop(agent);
    // What is known stays.
    terminal.wait(|screen| screen.contains("no response for") && screen.contains("node kubelet"));
    let _agent = FakeAgent::start(&socket, healthy(&batch(&[("new", 1.0)])));
    terminal.press("2");
    terminal.wait(|screen| screen.contains("live") && screen.contains("shop/new"));
    terminal.press("q");
    assert_eq!(terminal.end().code(), Some(0));
}

#[test]
fn without_a_tap_the_screen_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("api.sock");
    let _agent = FakeAgent::start(&socket, Responses { state: state().to_string(), ..Responses::default() });
    let mut terminal = Terminal::start(&["top", "--socket", argument(&socket)], &[], 120, 24);
    terminal.wait(|screen| {
        screen.contains("no tap:") && screen.contains("/v1/tap: HTTP status 404: no such path here")
    });
    terminal.press("4");
    terminal.wait(|screen| screen.contains("node transform-1"));
    terminal.press("q");
    assert_eq!(terminal.end().code(), Some(0));
}

/// The agent accepts connections and says nothing.
#[test]
fn a_silent_agent_has_a_deadline() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("api.sock");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    let mut terminal = Terminal::start(&["top", "--socket", argument(&socket)], &[], 120, 24);
    terminal.wait(|screen| screen.contains("connecting"));
    terminal.wait(|screen| screen.contains("no response for 5 s; trying again"));
    terminal.press("?");
    terminal.wait(|screen| screen.contains("sort by; reverse"));
    terminal.press("xq");
    assert_eq!(terminal.end().code(), Some(0));
}

#[test]
fn something_else_on_the_socket_is_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("api.sock");
    for (body, expected) in [
        ("hello", "/v1/state: not a document of insightd's API: invalid JSON"),
        (r#"{"version":2}"#, "/v1/state: version 2 of the API; this program reads version 1"),
    ] {
        let _agent = FakeAgent::start(&socket, Responses { state: body.into(), ..Responses::default() });
        let mut terminal = Terminal::start(&["top", "--socket", argument(&socket)], &[], 160, 24);
        terminal.wait(|screen| screen.contains(expected));
        terminal.press("q");
        assert_eq!(terminal.end().code(), Some(0));
        let once = run(INSIGHTCTL, &["top", "--socket", argument(&socket), "--once"]);
        assert_eq!((once.status.code(), once.stdout.len()), (Some(1), 0));
        assert!(text(&once.stderr).contains(expected), "{}", text(&once.stderr));
    }
}

#[test]
fn a_snapshot_is_a_plain_table() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("api.sock");
    let mut responses = healthy(&batch(&[("web", 5.0), ("db\u{1b}[2J", 7.5)]));
    let _agent = FakeAgent::start(&socket, responses.clone());
    let socket_text = argument(&socket);
    let once = run(INSIGHTCTL, &["top", "--socket", socket_text, "--once"]);
    let expected = format!(
        "{socket_text}  2026-11-21 10:21:28 UTC  Pods\n\n\
         NAME              mCPU\n\
         shop/db\\u{{1b}}[2J   7.5\n\
         shop/web             5\n"
    );
    assert_eq!((text(&once.stdout), text(&once.stderr)), (expected, String::new()));
    let stages = run(INSIGHTCTL, &["top", "--socket", socket_text, "--view", "stages"]);
    assert!(text(&stages.stdout).contains("builtin:decorate"), "{}", text(&stages.stdout));
    let wrong = run(INSIGHTCTL, &["top", "--socket", socket_text, "--once", "--sort", "pod_cpu_usage_totl"]);
    assert_eq!(wrong.status.code(), Some(64));
    let expected =
        "--sort pod_cpu_usage_totl: nothing in this view has it; did you mean `pod_cpu_usage_total`? known: ";
    assert!(text(&wrong.stderr).starts_with(expected), "{}", text(&wrong.stderr));
    responses.tap = None;
    let _agent = FakeAgent::start(&directory.path().join("other.sock"), responses);
    let socket = directory.path().join("other.sock");
    let fallback = run(INSIGHTCTL, &["top", "--socket", argument(&socket)]);
    assert!(text(&fallback.stdout).contains("builtin:decorate"), "{}", text(&fallback.stdout));
    assert!(text(&fallback.stderr).contains("HTTP status 404"), "{}", text(&fallback.stderr));
    let wanted = run(INSIGHTCTL, &["top", "--socket", argument(&socket), "--view", "pods"]);
    assert_eq!((wanted.status.code(), wanted.stdout.len()), (Some(1), 0));
}

#[test]
fn a_snapshot_of_a_recording_is_its_last_frame() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = recording(directory.path());
    let once = run(INSIGHTCTL, &["top", argument(&file), "--once", "--sort", "NAME"]);
    assert_eq!((once.status.code(), text(&once.stderr)), (Some(0), String::new()));
    let output = text(&once.stdout).replace(&format!("{}/", directory.path().display()), "");
    golden("top/once.txt", &output);
    let missing = run(INSIGHTCTL, &["top", "/nonexistent.jsonl"]);
    assert_eq!(missing.status.code(), Some(64));
    assert!(text(&missing.stderr).starts_with("/nonexistent.jsonl: cannot be read"));
    fs::write(&file, "no recording\n").expect("can be written");
    let strange = run(INSIGHTCTL, &["top", argument(&file)]);
    assert_eq!((strange.status.code(), strange.stdout.len()), (Some(64), 0));
    assert!(
        text(&strange.stderr).contains("not a recording of `insightd record`"),
        "{}",
        text(&strange.stderr)
    );
}
