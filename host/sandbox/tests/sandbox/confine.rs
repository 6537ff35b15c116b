//! The confinement of the compiler child, entered by the test itself, as code that took over the compiler would see it.

// The module belongs to the child, which is a program and cannot be a dependency.
#[allow(dead_code, reason = "the child's start also closes files and sets limits")]
#[path = "../../../compile/src/confine.rs"]
mod child;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

/// Variable with the process id to signal, for the ignored test below, which runs in a process of its own.
const RECEIVER: &str = "INSIGHTD_TEST_SIGNAL_RECEIVER";

#[test]
#[ignore = "run by the tests below in a process of its own"]
fn confined() {
    let receiver = std::env::var(RECEIVER).unwrap().parse::<libc::pid_t>().unwrap();
    let receiver = if receiver == 0 { std::process::id().cast_signed() } else { receiver };
    child::drop_privileges().unwrap();
    // Signal 0 only checks the permission.
    // SAFETY: system calls that touch no memory of this process.
    unsafe {
        let thread = if receiver == libc::getpid() { libc::gettid() } else { receiver };
        let result = libc::syscall(libc::SYS_tgkill, receiver, thread, 0);
        libc::_exit(i32::from(result != 0));
    }
}

fn signal(receiver: u32) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["confine::confined", "--exact", "--ignored"]).env(RECEIVER, receiver.to_string());
    command.output().unwrap().status
}

#[test]
fn the_compiler_cannot_signal_other_processes() {
    assert_eq!(signal(std::process::id()).signal(), Some(libc::SIGSYS));
    assert_eq!(signal(1).signal(), Some(libc::SIGSYS));
    // A signal to the process itself is allowed, because `abort` needs it.
    assert_eq!(signal(0).code(), Some(0));
}
