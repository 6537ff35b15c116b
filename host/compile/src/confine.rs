//! Drops what compiling does not need, before the first foreign byte is read.
//!
//! Code that takes over the compiler finds a process that can read its input, compute for a few seconds in a few
//! megabytes and write its output: no files, no sockets, no signal to another process, no new machine code of its own.
//! Its output is native code that the agent runs, which no confinement of this process changes (docs/security.md).

use std::collections::BTreeMap;
use std::io;

use rustix::process::{
    DumpableBehavior, Gid, Pid, Resource, Rlimit, Signal, Uid, getpid, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities,
    set_no_new_privs, set_thread_gid, set_thread_groups, set_thread_uid,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Closes everything but the standard streams. Call it before any file is opened.
pub(crate) fn close_other_files() -> io::Result<()> {
    // Not every C library has a function for it.
    // SAFETY: no Rust object owns a descriptor from 3 on yet.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // Kernels before 5.9 have no such call; the agent marks its descriptors as not inherited anyway.
    if error.raw_os_error() == Some(libc::ENOSYS) { Ok(()) } else { Err(error) }
}

/// Limits address space and CPU time. What is limited further already stays so.
pub(crate) fn limit(memory_bytes: u64, cpu_seconds: u64) -> io::Result<()> {
    set(Resource::As, memory_bytes, memory_bytes)?;
    // SIGXCPU at the first value, SIGKILL at the second.
    set(Resource::Cpu, cpu_seconds, cpu_seconds + 1)?;
    set(Resource::Core, 0, 0)
}

fn set(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let (current, maximum) = (current.min(hard), maximum.min(hard));
    setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })?;
    Ok(())
}

/// User and group that the compiler runs as where it may change them: nobody's, and within the range that user
/// namespaces of pods map.
const COMPILER_ID: u32 = 65_533;

/// Takes another user, dies with the agent, drops capabilities, and lets only those system calls through that compiling
/// needs.
pub(crate) fn drop_privileges() -> Result<(), String> {
    let text = |error: rustix::io::Errno| error.to_string();
    become_nobody().map_err(text)?;
    // No process of the same user may trace this one or write to its memory: native code comes out of it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(text)?;
    // After the change of user, which clears it.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(text)?;
    set_no_new_privs(true).map_err(text)?;
    // Kernels without ambient capabilities (before 4.3) have none to clear.
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(text)?;
    let filter = filter().map_err(|error| format!("system call filter: {error}"))?;
    seccompiler::apply_filter(&filter).map_err(|error| format!("system call filter: {error}"))
}

/// Takes a user that owns nothing, if this process may change its user and the agent may still limit and kill it then.
///
/// In the DaemonSet, all capabilities are dropped: the compiler stays user 0, and the agent can signal it as its equal.
fn become_nobody() -> rustix::io::Result<()> {
    let needed =
        CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::KILL | CapabilitySet::SYS_RESOURCE;
    if !capabilities(None)?.effective.contains(needed) {
        return Ok(());
    }
    let result = (|| {
        set_thread_groups(&[])?;
        set_thread_gid(Gid::from_raw(COMPILER_ID))?;
        set_thread_uid(Uid::from_raw(COMPILER_ID))
    })();
    match result {
        // A user namespace that does not map this user, or one that forbids to set groups: as without the capability.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::PERM) => Ok(()),
        other => other,
    }
}

/// Allows `tgkill` for this process alone: `abort` sends itself a signal, and nothing else needs one.
fn own_process() -> Result<SeccompRule, seccompiler::BackendError> {
    let pid = Pid::as_raw(Some(getpid())) as u64;
    SeccompRule::new(vec![SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, pid)?])
}

/// Returns the filter: reading, writing, memory that is not executable, and an orderly or disorderly end.
fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_close,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigreturn,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
        // For the `tgkill` of `abort`, below.
        libc::SYS_getpid,
        libc::SYS_gettid,
        // Reading a file asks for its size.
        libc::SYS_fstat,
        libc::SYS_statx,
        libc::SYS_lseek,
    ]
    .into_iter()
    .map(|call| (call, Vec::new()))
    .collect();
    let exec = libc::PROT_EXEC as u64;
    let not_executable = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(exec), 0)?;
    let not_executable = SeccompRule::new(vec![not_executable])?;
    rules.insert(libc::SYS_mmap, vec![not_executable.clone()]);
    rules.insert(libc::SYS_mprotect, vec![not_executable]);
    rules.insert(libc::SYS_tgkill, vec![own_process()?]);
    let architecture = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, architecture)?.try_into()
}
