//! The thread that makes running code check its deadline.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// Interval at which running code checks its deadline: the precision of the limits.
const TICK: Duration = Duration::from_millis(10);

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
