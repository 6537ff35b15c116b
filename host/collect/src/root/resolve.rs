//! Opens a path below a directory so that nothing in it, symbolic links included, leads out of the directory.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Maximum number of symbolic links followed in one path; the kernel has the same bound.
const MAX_LINKS: usize = 40;

/// Method of path resolution, depending on the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolver {
    /// `openat2` with `RESOLVE_IN_ROOT` (Linux 5.6).
    Kernel,
    /// Component by component: for older kernels (many cgroup v1 nodes run 5.4), and for seccomp filters that reject `openat2`.
    Walk,
}

impl Resolver {
    pub(super) fn detect(dir: &OwnedFd) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::openat2(dir, c".", flags, Mode::empty(), ResolveFlags::IN_ROOT) {
            Ok(_) => Self::Kernel,
            Err(_) => Self::Walk,
        }
    }

    /// Opens `path`; a leading `/` and absolute link targets resolve to `top`.
    pub(super) fn open(self, top: &OwnedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let path = path.trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        match self {
            Self::Kernel => open_in_root(top, path, flags),
            Self::Walk => walk(top, path, flags),
        }
    }
}

fn open_in_root(top: &OwnedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    // EAGAIN: a rename or mount raced with the resolution of `..`, and the kernel cannot guarantee the result
    for _ in 0..16 {
        match rustix::fs::openat2(top, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => return done,
        }
    }
    Err(Errno::AGAIN)
}

fn walk(top: &OwnedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut rest: Vec<String> = components(path);
    // directories on the path so far, the current one last; empty = the top
    let mut trail: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    while let Some(name) = rest.pop() {
        let here = trail.last().unwrap_or(top).as_fd();
        match name.as_str() {
            ".." => {
                trail.pop();
                continue;
            }
            "." => continue,
            _ => {}
        }
        let found = rustix::fs::openat(here, name.as_str(), step, Mode::empty())?;
        let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode);
        if kind.is_symlink() && !(rest.is_empty() && flags.contains(OFlags::NOFOLLOW)) {
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::LOOP);
            }
            let target = rustix::fs::readlinkat(&found, c"", Vec::new())?;
            let target = target.into_string().map_err(|_| Errno::NOENT)?;
            if target.starts_with('/') {
                trail.clear();
            }
            rest.extend(components(&target));
            continue;
        }
        if rest.is_empty() {
            if flags.contains(OFlags::PATH) && !flags.contains(OFlags::DIRECTORY) {
                return Ok(found);
            }
            let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            return rustix::fs::openat(here, name.as_str(), flags, Mode::empty());
        }
        if !kind.is_dir() {
            return Err(Errno::NOTDIR);
        }
        trail.push(found);
    }
    let here = trail.last().unwrap_or(top);
    rustix::fs::openat(here, c".", flags | OFlags::CLOEXEC, Mode::empty())
}

/// Returns the components of a path in reverse order, as a stack.
fn components(path: &str) -> Vec<String> {
    path.split('/').filter(|part| !part.is_empty()).rev().map(str::to_owned).collect()
}
