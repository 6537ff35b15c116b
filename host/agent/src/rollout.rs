//! New sets of pipelines and components while the agent runs.
//!
//! ```text
//! files change -> read, hashed -> switch, canary -> compiled, checked, configured -> shadow run -> offered
//!   (watch)         (set)          (canary)           (assemble, library)             (shadow)     (exchange)
//! between two ticks the worker puts the whole set in place -> trial -> proven, kept for the next start (kept)
//!                                                                   -> or taken back
//! ```
//!
//! A thread of its own does all of it but the exchange, so that no tick waits. Whatever fails keeps what runs, and is said once:
//! in the log, in `/metrics` and `/status`, and as a Kubernetes Event.

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
pub(crate) use numbers::declared;
use pace::Pace;
pub use prepare::{Adjust, Preparer};
pub use set::{Files, Set, SetId, SetOrigin, Snapshot};
pub use watch::{Places, Watch};

/// When a set that was refused is tried again although no file changed: what kept it out may have been the moment, such as a
/// node without memory for the compiler.
const AGAIN: Duration = Duration::from_secs(600);

/// The thread. It ends when this is dropped.
#[derive(Debug)]
pub struct Rollout {
    stop: Option<mpsc::Sender<()>>,
}

impl Rollout {
    /// Starts it. It looks at the files when they change, and when `ring` rings.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(mut preparer: Preparer, mut places: Places, ring: Ring) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel::<()>();
        // Files may have changed since the set that runs was read: the first look is at what that was.
        let (mut watch, mut pace, mut last) = (Watch::default(), Pace::default(), Instant::now());
        thread::Builder::new().name("rollout".into()).spawn(move || {
            preparer.begin();
            let bell = Bell::new(ring);
            let mut is_due = false;
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                let is_asked = bell.wait(&places, watch.is_settling());
                preparer.hear();
                // Before the first tick there is nothing to try a set with.
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
        // Not waited for: it may be compiling, and the agent ends.
        drop(self.stop.take());
    }
}
