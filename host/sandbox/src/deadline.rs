//! Time limits: CPU time of the calling thread, with wall-clock time as a distant backstop.
//!
//! A node agent shares the CPU with the workload that it measures. On a busy or throttled node a good component may wait seconds for a
//! CPU, which must not count as its failure. A call is therefore stopped by the CPU time it used.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Engine, EngineWeak, Store, UpdateDeadline};

use crate::budget::Deadline;

/// Interval at which running code checks its deadline: the precision of the limits.
const TICK: Duration = Duration::from_millis(10);

/// Returns the CPU time of the calling thread (`CLOCK_THREAD_CPUTIME_ID`).
pub(crate) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Error of a call that exceeded its deadline.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeadlineExceeded {
    #[error("CPU time")]
    Cpu { used: Duration, limit: Duration },
    #[error("wall time")]
    Wall { took: Duration, limit: Duration },
}

/// Stops the calls of a store at the deadline. They must run on the thread that created the deadline.
pub(crate) fn arm<T>(store: &mut Store<T>, deadline: &Deadline) {
    let mut deadline = deadline.clone();
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        deadline.check()?;
        Ok(UpdateDeadline::Continue(1))
    });
}

/// Advances the engine's epoch while calls run. Between calls its thread sleeps without wake-ups.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<TickerShared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct TickerShared {
    state: Mutex<TickerState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct TickerState {
    running: usize,
    stop: bool,
}

impl Ticker {
    /// Starts the thread.
    pub(crate) fn new(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(TickerShared::default());
        let (engine, state) = (engine.weak(), Arc::clone(&shared));
        let thread = thread::Builder::new()
            .name("epoch".to_owned())
            // The thread only locks, waits and increments a counter.
            .stack_size(64 * 1024)
            .spawn(move || state.tick(&engine))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Keeps the epoch advancing until the guard is dropped.
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
            // The thread cannot have panicked: it calls nothing that panics.
            let _ = thread.join();
        }
    }
}

/// Guard of a running call.
pub(crate) struct Running<'a>(&'a TickerShared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
    }
}

impl TickerShared {
    fn lock(&self) -> MutexGuard<'_, TickerState> {
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
