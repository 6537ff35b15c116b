//! Time limits: CPU time of the calling thread first, the clock only as a far backstop.
//!
//! A node agent shares its node with what it measures. On a busy or throttled node a good component may wait for a
//! processor for seconds; it must not look bad for it. So a call is stopped by the CPU time it used.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Engine, EngineWeak, Store, UpdateDeadline};

use crate::budget::Deadline;

/// How often running code looks at its time: the precision of the limits.
const TICK: Duration = Duration::from_millis(10);

/// CPU time that the calling thread has used since it started.
pub(crate) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// A call ran out of time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TimeUp {
    #[error("CPU time")]
    Cpu { used: Duration, limit: Duration },
    #[error("wall time")]
    Wall { took: Duration, limit: Duration },
}

/// Stops the store's calls at the deadline. They run on the thread that made it.
pub(crate) fn arm<T>(store: &mut Store<T>, deadline: &Deadline) {
    let mut deadline = deadline.clone();
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        deadline.check()?;
        Ok(UpdateDeadline::Continue(1))
    });
}

/// Advances the engine's epoch while calls run. Between calls its thread sleeps without waking up.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    stop: bool,
}

impl Ticker {
    /// Starts the thread.
    pub(crate) fn new(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (engine, state) = (engine.weak(), Arc::clone(&shared));
        let thread = thread::Builder::new()
            .name("epoch".to_owned())
            // It only ever locks, waits and adds one.
            .stack_size(64 * 1024)
            .spawn(move || state.tick(&engine))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Keeps the epoch moving until the guard is dropped.
    pub(crate) fn run(&self) -> Running<'_> {
        let mut state = self.shared.lock();
        state.running += 1;
        if state.running == 1 {
            self.shared.changed.notify_one();
        }
        Running(&self.shared)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked: it calls nothing that does.
            let _ = thread.join();
        }
    }
}

/// A call is under way.
pub(crate) struct Running<'a>(&'a Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self, engine: &EngineWeak) {
        let mut state = self.lock();
        loop {
            if state.stop {
                return;
            }
            if state.running == 0 {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    }
}
