//! Signals, and readers that stall or close the pipe.

use std::io::BufRead;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::agent::{Agent, config, event, time_of};

#[test]
fn a_second_signal_does_not_wait_for_a_reader_that_sleeps() {
    let mut agent = Agent::start(&["run", "--interval", "100ms"]);
    // Nothing reads the pipe: eventually it is full, and the tick in progress cannot end.
    let stdout = agent.stdout().into_inner();
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut before = usize::MAX;
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let waiting = rustix::io::ioctl_fionread(&stdout).expect("a pipe") as usize;
        if waiting > 0 && waiting == before {
            break;
        }
        before = waiting;
        assert!(Instant::now() < deadline, "the pipe never fills: {waiting} bytes");
    }
    agent.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(500));
    assert!(agent.0.try_wait().expect("can be asked").is_none(), "the tick in progress is not given up");
    agent.signal(Signal::TERM);
    let (status, log) = agent.end();
    assert_eq!((status.code(), status.signal()), (Some(143), None), "{log}");
}

#[test]
fn a_reader_that_goes_away_ends_the_agent() {
    let mut agent = Agent::start(&["run", "--interval", "100ms"]);
    let mut first = String::new();
    agent.stdout().read_line(&mut first).expect("UTF-8");
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("standard output was closed by its reader"), "{log}");
    assert!(log.contains("every sink is closed"), "{log}");
}

#[test]
fn other_signals_end_nothing_and_hangup_looks_at_the_files() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut agent = Agent::start(&[
        "run",
        "--interval",
        "200ms",
        "--config",
        &config(directory.path(), "interval: 1s\n"),
    ]);
    let mut lines = agent.stdout().lines();
    let mut next_tick = |before: u64| loop {
        let time = time_of(&event(&lines.next().expect("the agent goes on").expect("UTF-8")));
        if time > before {
            return time;
        }
    };
    let mut time = next_tick(0);
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2, Signal::PIPE, Signal::HUP] {
        agent.signal(signal);
        time = next_tick(time);
    }
    agent.signal(Signal::TERM);
    lines.for_each(|line| drop(event(&line.expect("UTF-8"))));
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("SIGHUP received; scanning the configuration"), "{log}");
    assert!(log.contains(r#""message":"stopped""#), "{log}");
}
