//! Drops all privileges that compiling does not need, before the first untrusted byte is read.
//!
//! An exploit in the compiler gets a process that can read its input, compute within its CPU and memory limits, and
//! write its output: no files, no sockets, no signal to another process, no new machine code of its own. Its output is
//! native code that the agent runs, which no confinement of this process changes (docs/security.md).

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

/// Closes all file descriptors except the standard streams. Call it before any file is opened.
pub(crate) fn close_other_files() -> io::Result<()> {
    // This is a raw system call, because not every C library has a function for it.
    // SAFETY: no Rust object owns a descriptor from 3 on yet.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // Kernels before 5.9 lack this call; the agent opens its descriptors with CLOEXEC anyway.
    if error.raw_os_error() == Some(libc::ENOSYS) { Ok(()) } else { Err(error) }
}

/// Limits address space and CPU time, and disables core dumps. Existing lower limits stay.
pub(crate) fn limit(memory_bytes: u64, cpu_seconds: u64) -> io::Result<()> {
    set(Resource::As, memory_bytes, memory_bytes)?;
    // The kernel sends SIGXCPU at the first value and SIGKILL at the second.
    set(Resource::Cpu, cpu_seconds, cpu_seconds + 1)?;
    set(Resource::Core, 0, 0)
}

fn set(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let (current, maximum) = (current.min(hard), maximum.min(hard));
    setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })?;
    Ok(())
}

/// User and group of the compiler if it may change them. No account has this id, and it is within the range that user
/// namespaces of pods map.
const COMPILER_ID: u32 = 65_533;

/// Changes the user, requests SIGKILL on the death of the agent, drops capabilities, and installs a filter for all system
/// calls that compiling does not need.
pub(crate) fn drop_privileges() -> Result<(), String> {
    let text = |error: rustix::io::Errno| error.to_string();
    become_nobody().map_err(text)?;
    // No process of the same user may trace this one or write to its memory: the agent runs its output.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(text)?;
    // This must follow the change of user, which clears it.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(text)?;
    set_no_new_privs(true).map_err(text)?;
    // Kernels before 4.3 have no ambient capabilities to clear.
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(text)?;
    let filter = filter().map_err(|error| format!("cannot install the system call filter: {error}"))?;
    seccompiler::apply_filter(&filter)
        .map_err(|error| format!("cannot install the system call filter: {error}"))
}

/// Switches to a user that owns nothing, if this process may change its user and the agent can still limit and kill it.
///
/// In the DaemonSet, all capabilities are dropped: the compiler stays user 0, and the agent can signal it as the same user.
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
        // The user namespace does not map this user, or forbids setting groups: continue as without the capability.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::PERM) => Ok(()),
        other => other,
    }
}

/// Returns the rule that allows `tgkill` for this process only: `abort` sends itself a signal, and nothing else needs one.
fn own_process() -> Result<SeccompRule, seccompiler::BackendError> {
    let pid = Pid::as_raw(Some(getpid())) as u64;
    SeccompRule::new(vec![SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, pid)?])
}

/// Returns the filter. It allows reads, writes, memory that is not executable, and normal or abnormal exit.
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
        // `abort` needs these two for its `tgkill`, below.
        libc::SYS_getpid,
        libc::SYS_gettid,
        // Reading a file queries its size.
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
