//! Starting one compiler child, passing its input, and interpreting its exit.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

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

/// Interval at which the end of the child is polled after its output ended: usually it has exited by then.
const POLL: Duration = Duration::from_millis(1);

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
    let result = exchange(&mut child, limits, wasm);
    if result.is_err() {
        // The child may have exited already.
        let _ = child.kill();
    }
    let status = child.wait()?;
    let Output { native, stderr, timed_out } = result?;
    if timed_out {
        return Err(CompileError::Limit(format!("compiling took more than {:?}", limits.wall_time)));
    }
    if native.len() > limits.max_native_bytes {
        return Err(CompileError::Limit(format!(
            "generated more than {} bytes of native code",
            limits.max_native_bytes
        )));
    }
    if !status.success() {
        return Err(classify_exit(status, &stderr, limits));
    }
    Ok(native)
}

struct Output {
    native: Vec<u8>,
    stderr: String,
    timed_out: bool,
}

/// Sets the child's limits, writes the component, reads the output and waits for the exit, up to the wall-clock limit. A
/// child that does not exit by then, or whose output is too large, is killed.
fn exchange(child: &mut Child, limits: &CompileLimits, wasm: &[u8]) -> Result<Output, CompileError> {
    let end = Instant::now() + limits.wall_time;
    // The child sets the same limits itself, and a system call filter, before it reads its input. These limits are in place
    // before it receives its first byte in any case.
    set_limits(child, limits)?;
    let missing = || io::Error::other("a pipe to the compiler is missing");
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
        let native = native.recv_timeout(end.saturating_duration_since(Instant::now())).ok();
        let is_complete = matches!(&native, Some(Ok(bytes)) if (bytes.len() as u64) < max);
        // A child that closed its output may run on and keep its other pipes open, for which the threads below would wait.
        let has_exited = is_complete && exits(child, end);
        if !has_exited {
            // Ends the other threads too, because their pipes close.
            let _ = child.kill();
        }
        Ok(Output {
            timed_out: native.is_none() || is_complete && !has_exited,
            native: native.transpose()?.unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
        })
    })
}

/// Waits for the child's exit; returns false if it is still running at `end`.
fn exits(child: &mut Child, end: Instant) -> bool {
    loop {
        match child.try_wait() {
            Ok(Some(_)) => return true,
            Ok(None) if Instant::now() < end => thread::sleep(POLL),
            Ok(None) | Err(_) => return false,
        }
    }
}

fn set_limits(child: &Child, limits: &CompileLimits) -> io::Result<()> {
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
fn classify_exit(status: ExitStatus, stderr: &str, limits: &CompileLimits) -> CompileError {
    let seconds = limits.cpu_time.as_secs().max(1);
    match (status.code(), status.signal()) {
        (Some(EXIT_REFUSED), _) => CompileError::Refused(stderr.to_owned()),
        (Some(EXIT_EXHAUSTED), _) => CompileError::Limit(format!(
            "compiling takes more than {} MiB; the component is too large, or crafted to exhaust the \
             compiler",
            limits.memory_bytes >> 20
        )),
        (_, Some(SIGXCPU)) => CompileError::Limit(format!(
            "compiling takes more than {seconds} s of CPU time; the component is too large, or crafted to \
             exhaust the compiler"
        )),
        // Not the CPU limit, at which the kernel sends SIGXCPU first: the OOM killer, or another process.
        (_, Some(SIGKILL)) => CompileError::Killed,
        (_, Some(SIGSEGV)) => {
            CompileError::Limit("stack overflow; the component may be nested too deeply".to_owned())
        }
        (_, Some(SIGSYS)) => CompileError::Died("it made a forbidden system call".to_owned()),
        _ if stderr.is_empty() => CompileError::Died(status.to_string()),
        _ => CompileError::Died(format!("{status}: {stderr}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Explains the status of a child that was ended by `signal`.
    fn ended_by(signal: i32) -> CompileError {
        classify_exit(ExitStatus::from_raw(signal), "", &CompileLimits::default())
    }

    #[test]
    fn only_sigxcpu_means_the_cpu_limit() {
        let error = ended_by(SIGXCPU);
        assert!(matches!(error, CompileError::Limit(_)), "{error}");
        assert!(error.to_string().contains("more than 20 s of CPU time"), "{error}");
        let error = ended_by(SIGKILL);
        assert!(matches!(error, CompileError::Killed), "{error}");
        assert!(error.to_string().contains("memory limit") && !error.to_string().contains("CPU"), "{error}");
    }

    #[test]
    fn exit_codes_of_the_compiler_are_classified() {
        let exited = |code: i32, stderr| {
            classify_exit(ExitStatus::from_raw(code << 8), stderr, &CompileLimits::default())
        };
        let error = exited(EXIT_REFUSED, "invalid component: x");
        assert!(matches!(&error, CompileError::Refused(text) if text == "invalid component: x"), "{error}");
        let error = exited(EXIT_EXHAUSTED, "");
        assert!(matches!(error, CompileError::Limit(_)), "{error}");
        assert!(error.to_string().contains("more than 64 MiB"), "{error}");
        let error = exited(70, "x");
        assert!(matches!(error, CompileError::Died(_)) && error.to_string().ends_with(": x"), "{error}");
    }
}
