//! Access to the node itself: processes of containers, servers, ports on a pod's loopback.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Starts or stops a server of the node, as in `server(script, "stop", "kubelet")`.
pub(crate) fn server(script: &Path, action: &str, name: &str) -> Result<()> {
    let status =
        Command::new(script).args([action, name]).status().with_context(|| script.display().to_string())?;
    if !status.success() {
        bail!("{} {action} {name} ended with {status}", script.display());
    }
    Ok(())
}

/// Returns the processes in the cgroup of a container, by its id (without `containerd://`).
pub(crate) fn processes(container_id: &str) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // The process may have ended.
        let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        if cgroups.contains(container_id) {
            found.push(pid);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Kills every process of a container with SIGKILL.
pub(crate) fn kill(container_id: &str) -> Result<()> {
    let found = processes(container_id)?;
    if found.is_empty() {
        bail!("container {container_id} has no process");
    }
    for pid in found {
        // SAFETY: a system call with numbers only; for a process that is gone it fails, which does not matter.
        unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
    }
    Ok(())
}

/// Sends a `GET` to the loopback of a process's network, where an agent's operations port listens.
pub(crate) fn get_inside(pid: u32, port: u16, path: &str) -> Result<(u16, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    inside(pid, move || ask(port, &request))
        .with_context(|| format!("GET {path} on port {port} of process {pid}"))
}

/// Opens a port on the loopback of a process's network.
pub(crate) fn listen_inside(pid: u32) -> Result<TcpListener> {
    inside(pid, || Ok(TcpListener::bind(("127.0.0.1", 0))?))
        .with_context(|| format!("a port in the network of process {pid}"))
}

/// Runs `work` in the network of a process. Sockets stay in the network in which they were created.
fn inside<T: Send + 'static>(pid: u32, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    // setns affects only the calling thread, and for the rest of its life: use a thread that ends afterwards.
    let thread = thread::spawn(move || {
        let network = fs::File::open(format!("/proc/{pid}/ns/net"))?;
        // SAFETY: the descriptor is open for the whole call.
        if unsafe { libc::setns(network.as_raw_fd(), libc::CLONE_NEWNET) } != 0 {
            return Err(std::io::Error::last_os_error()).context("setns");
        }
        work()
    });
    thread.join().unwrap_or_else(|_| bail!("a thread panicked"))
}

/// Sends a complete request to a loopback port. Returns status and body of the response, after which the server closes the
/// connection.
pub(crate) fn ask(port: u16, request: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status =
        answer.split(' ').nth(1).and_then(|word| word.parse().ok()).context("the response has no status")?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok((status, body.to_owned()))
}
