//! `insightd api PATH`, run by a command that reaches the agent, such as `kubectl exec`.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

use super::error::Failure;

/// Number of lines of standard error that an error text has.
const LINES: usize = 2;
/// Maximum bytes of standard error that are kept: the last ones.
const MAX_MESSAGE: usize = 4 << 10;
/// Size of one read, bytes.
const CHUNK: usize = 64 << 10;
/// Time between two looks at a process that has closed its output.
const POLL: Duration = Duration::from_millis(10);

/// A running command. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    stdout: Receiver,
    stderr: JoinHandle<Vec<u8>>,
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stderr.abort();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Child {
    /// Starts the command for a path.
    pub(super) fn start(words: &[String], path: &str) -> Result<Self, Failure> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(Failure::Start(io::Error::new(io::ErrorKind::InvalidInput, "it is empty")));
        };
        let mut command = Command::new(program);
        command.args(arguments).args(["insightd", "api", path]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let named =
            |error: io::Error| Failure::Start(io::Error::new(error.kind(), format!("{program}: {error}")));
        let mut process = command.spawn().map_err(named)?;
        let pipes = (process.stdout.take().map(OwnedFd::from), process.stderr.take().map(OwnedFd::from));
        let pipes = match pipes {
            (Some(stdout), Some(stderr)) => Receiver::from_owned_fd(stdout)
                .and_then(|stdout| Ok((stdout, Receiver::from_owned_fd(stderr)?))),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        };
        match pipes {
            Ok((stdout, stderr)) => Ok(Self { process, stdout, stderr: tokio::spawn(last_bytes(stderr)) }),
            Err(error) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(Failure::Start(error))
            }
        }
    }

    /// Waits for the next bytes; `None` is the end of a command that succeeded.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        match read(&self.stdout).await {
            Ok(bytes) if bytes.is_empty() => self.end().await.map(|()| None),
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(Failure::Lost(error.to_string())),
        }
    }

    async fn end(&mut self) -> Result<(), Failure> {
        let status = loop {
            match self.process.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => tokio::time::sleep(POLL).await,
                Err(error) => return Err(Failure::Lost(error.to_string())),
            }
        };
        if status.success() {
            return Ok(());
        }
        let stderr = (&mut self.stderr).await.unwrap_or_default();
        Err(Failure::Command { status: describe(status), message: reason(&String::from_utf8_lossy(&stderr)) })
    }
}

/// Returns the lines of standard error that tell the reason: from the last one on that begins with `error:`, after which a usage
/// may follow; else the last ones, since `kubectl exec` adds a line of its own after the reason.
fn reason(stderr: &str) -> String {
    let mut lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.iter().any(|line| !is_log(line)) {
        lines.retain(|line| !is_log(line));
    }
    let named = lines.iter().rposition(|line| line.starts_with("error:"));
    let first = named.unwrap_or(lines.len().saturating_sub(LINES));
    let told = lines.iter().skip(first).take(LINES).copied().collect::<Vec<_>>().join("; ");
    if told.is_empty() { "nothing on standard error".to_owned() } else { told }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Reads what there is; empty at the end.
async fn read(pipe: &Receiver) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; CHUNK];
    loop {
        pipe.readable().await?;
        match pipe.try_read(&mut bytes) {
            Ok(read) => {
                bytes.truncate(read);
                return Ok(bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

async fn last_bytes(pipe: Receiver) -> Vec<u8> {
    let mut kept = Vec::new();
    while let Ok(bytes) = read(&pipe).await {
        if bytes.is_empty() {
            break;
        }
        kept.extend_from_slice(&bytes);
        let surplus = kept.len().saturating_sub(MAX_MESSAGE);
        kept.drain(..surplus);
    }
    kept
}

/// Returns true for a line of the log of `kubectl`, such as `E1201 00:20:11.802406 487 memcache.go:265] ...`: it retries, and tells the
/// reason after them.
fn is_log(line: &str) -> bool {
    let mut letters = line.chars();
    let is_level = letters.next().is_some_and(|level| "IWEF".contains(level));
    is_level
        && letters.by_ref().take(4).filter(char::is_ascii_digit).count() == 4
        && letters.next() == Some(' ')
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn the_reason_is_found_among_other_lines() {
        for (stderr, expected) in [
            ("", "nothing on standard error"),
            ("a\n\nb\nc\n", "b; c"),
            (
                "W1130 warning\nerror: unexpected argument\n\n  tip: x\n\nUsage: y\n",
                "error: unexpected argument; tip: x",
            ),
            ("E1201 00:20 a\nE1201 00:20 b\nThe connection was refused\n", "The connection was refused"),
            ("E1201 00:20 a\n", "E1201 00:20 a"),
            ("error: first\nerror: pod not found\n", "error: pod not found"),
        ] {
            assert_eq!(reason(stderr), expected);
        }
    }
}
