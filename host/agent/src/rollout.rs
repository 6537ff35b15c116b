//! Rollout of new bundles of pipelines and components while the agent runs.
//!
//! ```text
//! files change -> read, hashed -> enabled, canary -> compiled, checked, configured -> shadow run -> offered
//!  (watcher,      (snapshot)       (canary)           (assemble)                       (on what the worker
//!   changes)                                                                            captures of its next tick)
//! between two ticks the worker installs the whole bundle -> probation -> good, stored for the next start (last_good)
//!                                                                     -> or rolled back
//! ```
//!
//! Everything but the handle runs on its own thread, so that no tick waits. On any failure the running bundle stays in place, and the
//! failure is reported once: in the log, in `/metrics` and `/status`, and as a Kubernetes Event.

mod canary;
mod changes;
mod config_source;
mod handle;
mod history;
mod last_good;
mod pace;
mod preparer;
mod reporter;
mod restart;
mod status;
mod watcher;

use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

pub use canary::{hold_reason, is_chosen};
use changes::ChangeDetector;
pub use changes::WatchedPaths;
pub use config_source::ConfigSource;
pub use handle::{Capture, RolloutHandle};
pub use history::History;
pub use last_good::LastGoodStore;
use pace::Pace;
pub use preparer::Preparer;
pub use reporter::Reporter;
pub use status::{Latest, Outcome, RolloutStatus};
use watcher::FileWatcher;
pub use watcher::WakeUp;

/// Retry interval of a rejected or waiting bundle whose files did not change: the cause may be temporary, such as a node without memory
/// for the compiler.
const RETRY_INTERVAL: Duration = Duration::from_secs(600);

/// The rollout thread. It ends after this is dropped.
#[derive(Debug)]
pub struct Rollout {
    stop: Option<mpsc::Sender<()>>,
}

impl Rollout {
    /// Starts the thread. It scans the files after changes, at a fallback interval, and when `wake_up` requests it.
    ///
    /// # Errors
    /// The system cannot create a thread.
    pub fn start(mut preparer: Preparer, mut paths: WatchedPaths, wake_up: WakeUp) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        // Files may have changed since the running bundle was read, so the first scan counts as a change.
        let (mut changes, mut pace, mut last) = (ChangeDetector::default(), Pace::default(), Instant::now());
        thread::Builder::new().name("rollout".into()).spawn(move || {
            preparer.store_first();
            let watcher = FileWatcher::new(wake_up);
            let mut is_due = false;
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                let is_requested = watcher.wait(&paths, changes.is_settling());
                preparer.handle_events();
                // Before the first tick there is nothing to compare a bundle with.
                if !preparer.has_running_bundle() {
                    continue;
                }
                is_due |= changes.changed(&paths)
                    || is_requested
                    || (preparer.is_refused() && last.elapsed() >= RETRY_INTERVAL);
                if is_due && pace.allows(Instant::now()) {
                    (is_due, last) = (false, Instant::now());
                    let waited = preparer.reconcile(&mut paths);
                    pace.took(Instant::now(), last.elapsed().saturating_sub(waited));
                    crate::memory::give_back();
                }
            }
        })?;
        Ok(Self { stop: Some(stop) })
    }
}

impl Drop for Rollout {
    fn drop(&mut self) {
        // Not joined: the thread may be compiling while the agent shuts down.
        drop(self.stop.take());
    }
}
