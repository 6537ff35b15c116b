//! Counts of containers by state.

use insights_sdk::Entity;

use crate::raw::{Raw, attribute, counter};

/// Part of the reason of a container that the kernel's OOM killer ended.
const OOM: &[u8] = b"OOMKilled";

/// Containers of one pod by state: main containers and sidecars, which run as long as the pod does.
///
/// Init containers count only for problems: restarts, reasons for waiting and OOM kills. One that crashes repeatedly keeps
/// the pod from starting. Ephemeral containers are not counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Containers that have a status.
    pub(crate) all: u32,
    pub(crate) running: u32,
    pub(crate) waiting: u32,
    pub(crate) terminated: u32,
    pub(crate) waiting_crash_loop: u32,
    pub(crate) waiting_image_pull: u32,
    pub(crate) waiting_start: u32,
    pub(crate) waiting_create: u32,
    pub(crate) waiting_create_config: u32,
    /// Containers whose last termination was an OOM kill.
    pub(crate) last_oom: u32,
    /// Restarts since the previous reading; absent if no container has the counter.
    pub(crate) restarts: Option<f64>,
}

impl Counts {
    pub(crate) fn new(containers: &[Entity<'_>], raw: &Raw) -> Self {
        let mut counts = Self::default();
        for &container in containers {
            match attribute(container, raw.container_kind) {
                Some("main" | "sidecar") | None => {
                    counts.add_state(container, raw);
                    counts.add_trouble(container, raw);
                }
                Some("init") => counts.add_trouble(container, raw),
                Some(_) => {}
            }
        }
        counts
    }

    fn add_state(&mut self, container: Entity<'_>, raw: &Raw) {
        let state = attribute(container, raw.container_state);
        self.all += u32::from(state.is_some());
        match state {
            Some("running") => self.running += 1,
            Some("waiting") => self.waiting += 1,
            Some("terminated") => self.terminated += 1,
            _ => {}
        }
    }

    fn add_trouble(&mut self, container: Entity<'_>, raw: &Raw) {
        if attribute(container, raw.container_state) == Some("waiting") {
            match attribute(container, raw.container_state_reason) {
                Some("CrashLoopBackOff") => self.waiting_crash_loop += 1,
                Some("ErrImagePull" | "ImagePullBackOff" | "InvalidImageName") => {
                    self.waiting_image_pull += 1;
                }
                Some("StartError") => self.waiting_start += 1,
                Some("CreateContainerError") => self.waiting_create += 1,
                Some("CreateContainerConfigError") => self.waiting_create_config += 1,
                _ => {}
            }
        }
        let last = attribute(container, raw.container_last_reason);
        if last.is_some_and(|reason| reason.as_bytes().windows(OOM.len()).any(|part| part == OOM)) {
            self.last_oom += 1;
        }
        if let Some(delta) = counter(container, raw.restarts).and_then(|restarts| restarts.delta()) {
            self.restarts = Some(self.restarts.map_or(delta, |sum| sum + delta));
        }
    }
}
