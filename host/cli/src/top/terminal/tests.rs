//! The terminal after a panic: this program runs once more, in a pseudo-terminal.

use std::env;
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::tcgetattr;

use super::*;

/// The variable that tells the child how to panic.
const HOW: &str = "INSIGHTCTL_TEST_PANIC";
const WAYS: [&str; 3] = ["while drawing", "in another thread", "caught"];

/// The child. It ends as the program does: the screen is dropped, or the panic unwinds it.
#[test]
#[ignore = "a part of `a_panic_restores_the_terminal`, which runs it in a terminal"]
fn child() {
    let how = env::var(HOW).unwrap();
    let mut screen = Screen::open().unwrap();
    screen.draw(|_| {}).unwrap();
    assert!(crossterm::terminal::is_raw_mode_enabled().unwrap());
    match how.as_str() {
        "while drawing" => screen.draw(|_| panic!("{how}")).unwrap(),
        "in another thread" => {
            thread::spawn(move || panic!("{how}")).join().unwrap_err();
            // Nothing is drawn over the message.
            assert_eq!(screen.draw(|_| {}).unwrap_err().to_string(), "a thread has panicked");
        }
        _ => {
            catch_unwind(AssertUnwindSafe(|| screen.draw(|_| panic!("{how}")))).unwrap_err();
        }
    }
}

/// Runs the child. Returns its output, with that of the terminal's modes before and after it.
fn run(how: &str) -> (String, String, String) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&controller).and_then(|()| unlockpt(&controller)).unwrap();
    let path = ptsname(&controller, Vec::new()).unwrap();
    let terminal =
        rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let modes = |terminal: &OwnedFd| format!("{:?}", tcgetattr(terminal).unwrap());
    let before = modes(&terminal);
    let end = || Stdio::from(terminal.try_clone().unwrap());
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(env::current_exe().unwrap()).env(HOW, how).env_remove("RUST_BACKTRACE");
    command.args(["--exact", "top::terminal::tests::child", "--ignored", "--nocapture"]);
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    drop(command);
    let mut output = File::from(controller);
    let reader = thread::spawn(move || {
        let (mut text, mut bytes) = (Vec::new(), [0; 4096]);
        // The read fails once nobody has the terminal.
        while let Ok(read @ 1..) = output.read(&mut bytes) {
            text.extend_from_slice(&bytes[..read]);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    child.wait().unwrap();
    let after = modes(&terminal);
    drop(terminal);
    (reader.join().unwrap(), before, after)
}

#[test]
fn a_panic_restores_the_terminal() {
    for how in WAYS {
        let (output, before, after) = run(how);
        assert_eq!(before, after, "{how}: {output:?}");
        let at = |text: &str| output.find(text).unwrap_or_else(|| panic!("{how}: no {text:?}: {output:?}"));
        let (enter, leave, shown) = (at("\x1b[?1049h"), at("\x1b[?1049l"), at("\x1b[?25h"));
        // The message is on the screen that stays.
        assert!(enter < leave && leave < shown && shown < at(how), "{how}: {output:?}");
        let expected = if how == "while drawing" { "test result: FAILED" } else { "test result: ok" };
        assert!(output.contains(expected), "{how}: {output:?}");
    }
}
