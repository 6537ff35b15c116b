//! Rollout of new bundles of pipelines and components while the agent runs.
//!
//! ```text
//! files change -> read, hashed -> enabled, canary -> compiled, checked, configured -> shadow run -> offered
//!   (watch)         (set)           (canary)           (assemble, library)             (shadow)     (exchange)
//! between two ticks the worker installs the whole bundle -> probation -> good, stored for the next start (kept)
//!                                                                     -> or rolled back
//! ```
//!
//! Everything but the exchange runs on its own thread, so that no tick waits. On any failure the running bundle stays in place, and the
//! failure is reported once: in the log, in `/metrics` and `/status`, and as a Kubernetes Event.

mod bell;
mod canary;
mod exchange;
mod follow;
mod kept;
mod numbers;
mod pace;
mod packed;
mod prepare;
mod restart;
mod set;
pub mod shadow;
mod watch;

use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use bell::Bell;
pub use bell::Ring;
pub use canary::is_chosen;
pub use exchange::{Exchange, News, Running, Sets};
pub use follow::{Follow, Latest, Outcome};
pub use kept::Kept;
pub use numbers::declared;
use pace::Pace;
pub use prepare::{Adjust, Preparer};
pub use set::{Files, Set, SetId, SetOrigin, Snapshot};
pub use watch::{Places, Watch};

/// Retry interval of a rejected or waiting bundle whose files did not change: the cause may be temporary, such as a node without memory
/// for the compiler.
const AGAIN: Duration = Duration::from_secs(600);

/// The rollout thread. It ends after this is dropped.
#[derive(Debug)]
pub struct Rollout {
    stop: Option<mpsc::Sender<()>>,
}

impl Rollout {
    /// Starts the thread. It scans the files after changes, at a fallback interval, and when `ring` is rung.
    ///
    /// # Errors
    /// The system cannot create a thread.
    pub fn start(mut preparer: Preparer, mut places: Places, ring: Ring) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        // Files may have changed since the running bundle was read, so the first scan counts as a change.
        let (mut watch, mut pace, mut last) = (Watch::default(), Pace::default(), Instant::now());
        thread::Builder::new().name("rollout".into()).spawn(move || {
            preparer.begin();
            let bell = Bell::new(ring);
            let mut is_due = false;
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                let is_asked = bell.wait(&places, watch.is_settling());
                preparer.hear();
                // Before the first tick there is no batch for a shadow run.
                if !preparer.has_batch() {
                    continue;
                }
                is_due |=
                    watch.changed(&places) || is_asked || (preparer.is_refused() && last.elapsed() >= AGAIN);
                if is_due && pace.allows(Instant::now()) {
                    (is_due, last) = (false, Instant::now());
                    preparer.consider(&mut places);
                    pace.took(Instant::now(), last.elapsed());
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
