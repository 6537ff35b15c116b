//! Starting one compiler child, passing its input, and interpreting its exit.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{CompileError, CompileLimits};
use crate::text::{ERROR_BYTES, clip};

/// Exit code of `insightd-compile` for input that is not a valid component.
const EXIT_REFUSED: i32 = 65;
/// Exit code of `insightd-compile` when memory is exhausted.
const EXIT_EXHAUSTED: i32 = 71;

const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;
const SIGSYS: i32 = 31;

/// Compiles `wasm` to native code in a new child.
pub(super) fn run(path: &Path, limits: &CompileLimits, wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
    let mut child = Command::new(path)
        .arg("--memory-mib")
        .arg((limits.memory_bytes >> 20).max(1).to_string())
        .arg("--cpu-seconds")
        .arg(limits.cpu_time.as_secs().max(1).to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| CompileError::Start { path: path.to_owned(), error })?;
    let result = feed(&mut child, limits, wasm);
    if result.is_err() {
        // The child may have exited already.
        let _ = child.kill();
    }
    let status = child.wait()?;
    let Output { native, stderr, timed_out } = result?;
    if timed_out {
        return Err(CompileError::Limit(format!("it took more than {:?}", limits.wall_time)));
    }
    if native.len() > limits.max_native_bytes {
        return Err(CompileError::Limit(format!(
            "it made more than {} bytes of native code",
            limits.max_native_bytes
        )));
    }
    if !status.success() {
        return Err(explain(status, &stderr, limits));
    }
    Ok(native)
}

struct Output {
    native: Vec<u8>,
    stderr: String,
    timed_out: bool,
}

/// Sets the child's limits, writes the component and reads the output, up to the wall-clock limit.
fn feed(child: &mut Child, limits: &CompileLimits, wasm: &[u8]) -> Result<Output, CompileError> {
    // The child sets the same limits itself, and a system call filter, before it reads its input. These limits are in place
    // before it receives its first byte in any case.
    limit(child, limits)?;
    let missing = || io::Error::other("a pipe of the child is missing");
    let stdin = child.stdin.take().ok_or_else(missing)?;
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    thread::scope(|scope| {
        scope.spawn(|| write(stdin, wasm));
        let stderr = scope.spawn(|| read_stderr(stderr));
        let (done, native) = mpsc::channel();
        let max = limits.max_native_bytes as u64 + 1;
        scope.spawn(move || {
            let mut bytes = Vec::new();
            let result = stdout.take(max).read_to_end(&mut bytes).map(|_| bytes);
            // The receiver waits until the thread is done or the time is up.
            let _ = done.send(result);
        });
        let native = match native.recv_timeout(limits.wall_time) {
            Ok(native) => Some(native?),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        };
        let timed_out = native.is_none();
        if timed_out || native.as_ref().is_some_and(|native| native.len() as u64 == max) {
            // Ends the other threads too, because their pipes close.
            let _ = child.kill();
        }
        Ok(Output {
            native: native.unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
            timed_out,
        })
    })
}

fn limit(child: &Child, limits: &CompileLimits) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let both = |value: u64| Rlimit { current: Some(value), maximum: Some(value) };
    // `RLIMIT_CPU` has whole seconds; SIGXCPU is sent at the soft limit, SIGKILL at the hard limit.
    let seconds = limits.cpu_time.as_secs().max(1);
    let cpu = Rlimit { current: Some(seconds), maximum: Some(seconds + 1) };
    prlimit(pid, Resource::As, both(limits.memory_bytes))?;
    prlimit(pid, Resource::Cpu, cpu)?;
    prlimit(pid, Resource::Core, both(0))?;
    Ok(())
}

fn write(mut stdin: ChildStdin, wasm: &[u8]) {
    // A child that died does not read to the end; its exit status says more than the broken pipe.
    let _ = stdin.write_all(wasm);
}

fn read_stderr(mut stderr: ChildStderr) -> String {
    let mut text = Vec::new();
    let _ = stderr.by_ref().take(ERROR_BYTES as u64).read_to_end(&mut text);
    // The rest is read too, so that the child does not block on a full pipe.
    let _ = io::copy(&mut stderr, &mut io::sink());
    clip(&String::from_utf8_lossy(&text), ERROR_BYTES)
}

/// Converts the status of a failed child to an error.
fn explain(status: ExitStatus, stderr: &str, limits: &CompileLimits) -> CompileError {
    let seconds = limits.cpu_time.as_secs().max(1);
    match (status.code(), status.signal()) {
        (Some(EXIT_REFUSED), _) => CompileError::Refused(stderr.to_owned()),
        (Some(EXIT_EXHAUSTED), _) => CompileError::Limit(format!(
            "the component needs more than {} MiB to compile; it is too big, or made to exhaust the compiler",
            limits.memory_bytes >> 20
        )),
        (_, Some(SIGXCPU | SIGKILL)) => CompileError::Limit(format!(
            "the component needs more than {seconds} s of CPU time to compile; it is too big, or made to exhaust the compiler"
        )),
        (_, Some(SIGSEGV)) => {
            CompileError::Limit("it ran out of stack: is the component nested very deeply?".to_owned())
        }
        (_, Some(SIGSYS)) => {
            CompileError::Died("it made a system call that a compiler does not need".to_owned())
        }
        _ if stderr.is_empty() => CompileError::Died(status.to_string()),
        _ => CompileError::Died(format!("{status}: {stderr}")),
    }
}
