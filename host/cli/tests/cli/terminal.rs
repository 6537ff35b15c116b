//! A pseudo-terminal with a terminal emulator behind it, and `insightctl` in it.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::num::NonZero;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Time after which a screen that does not come is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `insightctl` in a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    controller: Option<File>,
    /// Keeps the terminal after the end of the program.
    terminal: OwnedFd,
    /// Its modes before the program started.
    modes: String,
    emulator: Arc<Mutex<vt100::Parser>>,
    reader: Option<JoinHandle<()>>,
    is_closed: Arc<AtomicBool>,
}

impl Terminal {
    /// Starts the program with a terminal of this size.
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)], columns: u16, rows: u16) -> Self {
        Self::start_in(Path::new("/"), arguments, environment, columns, rows)
    }

    /// Starts it in a directory, so that the screen has no random path.
    pub(crate) fn start_in(
        directory: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
        columns: u16,
        rows: u16,
    ) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a pseudo-terminal");
        grantpt(&controller).and_then(|()| unlockpt(&controller)).expect("a pseudo-terminal");
        let path = ptsname(&controller, Vec::new()).expect("a pseudo-terminal");
        let terminal =
            rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
                .expect("a pseudo-terminal");
        set_size(&terminal, columns, rows);
        let modes = modes(&terminal);
        let end = || Stdio::from(terminal.try_clone().expect("a file descriptor"));
        // It becomes the controlling terminal, from which the program hears of a new size.
        let mut command = Command::new("setsid");
        let is_controlling = !environment.contains(&("TEST_NO_CTTY", "1"));
        command.current_dir(directory).args(is_controlling.then_some("--ctty"));
        command.arg(env!("CARGO_BIN_EXE_insightctl")).args(arguments);
        command.env_remove("NO_COLOR").env_remove("LC_ALL").env_remove("LC_CTYPE");
        command.env("LANG", "C.UTF-8").env("TERM", "xterm-256color").envs(environment.iter().copied());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("setsid of util-linux");
        let controller = File::from(controller);
        let emulator = Arc::new(Mutex::new(vt100::Parser::new(size(rows), size(columns), 0)));
        let (mut output, seen) = (controller.try_clone().expect("a file descriptor"), Arc::clone(&emulator));
        rustix::io::ioctl_fionbio(&output, true).expect("a file descriptor");
        let is_closed = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&is_closed);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while !closed.load(Ordering::SeqCst) {
                match output.read(&mut bytes) {
                    Ok(read @ 1..) => seen.lock().expect("the emulator").process(&bytes[..read]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        thread::sleep(Duration::from_millis(5));
                    }
                    Ok(0) | Err(_) => return,
                }
            }
        });
        let (controller, reader) = (Some(controller), Some(reader));
        Self { child, controller, terminal, modes, emulator, reader, is_closed }
    }

    /// Waits until the screen fulfils a condition, and returns it.
    #[track_caller]
    pub(crate) fn wait(&self, condition: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if condition(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < PATIENCE, "the screen stays:\n{screen}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the screen fulfils a condition and stays as it is, and returns it: a drawing arrives in parts.
    #[track_caller]
    pub(crate) fn settled(&self, condition: impl Fn(&str) -> bool) -> String {
        let mut before = self.wait(&condition);
        loop {
            thread::sleep(Duration::from_millis(300));
            let screen = self.wait(&condition);
            if screen == before {
                return screen;
            }
            before = screen;
        }
    }

    /// Returns the text on the screen, without spaces at the ends of lines.
    pub(crate) fn screen(&self) -> String {
        let lines = self.with(|screen| screen.contents());
        lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    /// Returns something about the screen.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.emulator.lock().expect("the emulator").screen())
    }

    /// Types a text.
    pub(crate) fn press(&mut self, keys: &str) {
        let controller = self.controller.as_mut().expect("the terminal is open");
        controller.write_all(keys.as_bytes()).expect("the terminal is open");
    }

    /// Changes the size of the terminal.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.emulator.lock().expect("the emulator").screen_mut().set_size(size(rows), size(columns));
        set_size(&self.terminal, columns, rows);
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the program runs");
    }

    /// Waits for the end of the program. The terminal must be as it was before.
    #[track_caller]
    pub(crate) fn end(mut self) -> ExitStatus {
        let begun = Instant::now();
        let status = self.wait_for_end();
        // What the program wrote last may still be on its way.
        while self.with(|screen| screen.alternate_screen() || screen.hide_cursor()) {
            assert!(begun.elapsed() < PATIENCE, "the screen or the cursor is not restored");
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(modes(&self.terminal), self.modes);
        status
    }

    /// Returns true in canonical mode with echo.
    pub(crate) fn is_canonical(&self) -> bool {
        let modes = tcgetattr(self.terminal.as_fd()).expect("a terminal").local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Closes the terminal, as a window or a connection that ends, and waits for the end of the program.
    #[track_caller]
    pub(crate) fn close(mut self) -> ExitStatus {
        self.is_closed.store(true, Ordering::SeqCst);
        self.reader.take().map(JoinHandle::join).transpose().expect("the reader of the terminal");
        self.controller = None;
        self.wait_for_end()
    }

    #[track_caller]
    fn wait_for_end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child process") {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the program does not end:\n{}", self.screen());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns all modes and special characters of a terminal.
fn modes(terminal: &OwnedFd) -> String {
    format!("{:?}", tcgetattr(terminal).expect("a terminal"))
}

/// Returns a number of columns or rows.
pub(crate) fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).expect("a size above 0")
}

fn set_size(terminal: &OwnedFd, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).expect("a terminal has a size");
}
