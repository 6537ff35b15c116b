//! Time and signals on one thread, the work of ticks on another.
//!
//! The work of a tick is synchronous and may take long on a throttled node, while signals must still be handled. A
//! single-threaded runtime waits for ticks and signals, and one thread that lives as long as the agent does the work.
//! Everything else that waits, such as watches and the operations server, is a task of the same runtime.

mod signals;

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use insightd_sandbox::Stop;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::schedule::{Rhythm, Schedule, Tick};
use crate::wall_clock::now_unix_ms;
use signals::Signals;
pub use signals::keep_running;

/// A tick handler, which runs on the worker thread; see [`run()`] for the order of calls.
pub trait TickHandler: Send + 'static {
    /// The error that ends the run.
    type Error: Send;

    /// Returns the handle that asks a tick in progress to end soon.
    fn stop(&self) -> Stop {
        Stop::default()
    }

    /// Takes the baseline sample of the first rates. Called once, before the first tick.
    ///
    /// # Errors
    /// Fails if the run cannot continue.
    fn prime(&mut self) -> Result<(), Self::Error>;

    /// Runs one tick.
    ///
    /// # Errors
    /// Fails if the run cannot continue.
    fn tick(&mut self, tick: Tick) -> Result<(), Self::Error>;

    /// Replays a recording; called instead of `prime` and `tick`. Replays every frame, or with `once` only the first
    /// after the baseline.
    ///
    /// # Errors
    /// Fails if the run cannot continue.
    fn replay(&mut self, once: bool) -> Result<(), Self::Error>;

    /// Finishes the work. Called once, at the end, also after an error.
    fn finish(&mut self);
}

/// Replays a recording of `frames` frames for [`TickHandler::replay`]: the first is the baseline, every other one a tick.
/// `select` switches to a frame and returns its time, milliseconds since the Unix epoch.
///
/// # Errors
/// Returns the first error of `select` or `work`.
pub fn replay_frames<W: TickHandler>(
    work: &mut W,
    frames: usize,
    select: impl Fn(&mut W, usize) -> Result<u64, W::Error>,
) -> Result<(), W::Error> {
    select(work, 0)?;
    work.prime()?;
    for index in 1..frames {
        let time_unix_ms = select(work, index)?;
        work.tick(Tick { time_unix_ms, lateness_ms: 0, left_out: 0 })?;
    }
    Ok(())
}

/// Schedule of the ticks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Ticks of the rhythm, until a signal comes.
    Every(Rhythm),
    /// One tick, this long after the baseline.
    Once(Duration),
    /// Frames of a recording, without waiting.
    Replay {
        /// `true` to replay only one tick.
        once: bool,
    },
}

/// Reasons that [`run()`] ends before a signal comes.
#[derive(Debug, thiserror::Error)]
pub enum RunError<E> {
    /// The thread or the signal handlers cannot be created.
    #[error("cannot start the worker thread or the signal handlers: {0}")]
    Start(#[from] std::io::Error),
    /// The work failed.
    #[error(transparent)]
    Work(E),
    /// The thread ended without a result.
    #[error("the worker thread ended unexpectedly")]
    Gone,
}

/// Shortest time from the baseline to the first tick, or the interval if that is shorter. The kernel updates some
/// counters only now and then; over less time their rates mean little.
const BASELINE: Duration = Duration::from_secs(1);

/// Threads for blocking calls: name resolution, and one page that is compressed.
const BLOCKING_THREADS: usize = 2;

/// Creates the runtime. Tasks that are spawned in it (inside of [`Runtime::enter`]) run while [`run()`] does; meanwhile
/// another thread, such as the worker's, may wait for a future with [`tokio::runtime::Handle::block_on`].
///
/// # Errors
/// Fails if the system provides no epoll instance.
pub fn create() -> std::io::Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(BLOCKING_THREADS).build()
}

/// Runs the plan until it ends or SIGTERM or SIGINT comes. The tick in progress is finished first; a second signal ends
/// the process at once, with exit code 128+N as shells report it.
///
/// # Errors
/// See [`RunError`].
pub fn run<W: TickHandler>(runtime: &Runtime, work: W, plan: Plan) -> Result<(), RunError<W::Error>> {
    run_until(runtime, work, plan, async || true)
}

/// Runs the plan like [`run()`], but after the signal, ticks go on until `may_end` returns true. It is called when the signal
/// comes and after each later tick.
///
/// # Errors
/// See [`RunError`].
pub fn run_until<W: TickHandler>(
    runtime: &Runtime,
    work: W,
    plan: Plan,
    may_end: impl AsyncFn() -> bool,
) -> Result<(), RunError<W::Error>> {
    runtime.block_on(async {
        let stop = work.stop();
        let mut driver = Driver { stop, worker: Worker::start(work)?, signals: Signals::listen()?, may_end };
        let result = driver.run(plan).await;
        let finished = driver.order(Order::Finish).await;
        driver.worker.join();
        result.and(finished)
    })
}

struct Driver<E, F> {
    worker: Worker<E>,
    signals: Signals,
    stop: Stop,
    may_end: F,
}

impl<E: Send + 'static, F: AsyncFn() -> bool> Driver<E, F> {
    async fn run(&mut self, plan: Plan) -> Result<(), RunError<E>> {
        match plan {
            Plan::Replay { once } => self.order(Order::Replay(once)).await,
            Plan::Once(wait) => {
                self.order(Order::Prime).await?;
                if self.sleep(wait).await.is_break() {
                    return Ok(());
                }
                let tick = Tick { time_unix_ms: now_unix_ms(), lateness_ms: 0, left_out: 0 };
                self.order(Order::Tick(tick)).await
            }
            Plan::Every(rhythm) => {
                self.order(Order::Prime).await?;
                self.every(rhythm).await
            }
        }
    }

    async fn every(&mut self, rhythm: Rhythm) -> Result<(), RunError<E>> {
        let mut schedule = Schedule::new(rhythm);
        let baseline = u64::try_from(rhythm.interval.min(BASELINE).as_millis()).unwrap_or(0);
        let mut earliest = now_unix_ms().saturating_add(baseline);
        while !(self.signals.stopping() && self.may_end().await) {
            let now = now_unix_ms();
            let planned = schedule.next(now.max(earliest));
            if self.sleep(Duration::from_millis(planned.saturating_sub(now))).await.is_break() {
                continue;
            }
            if let Some(tick) = schedule.due(planned, now_unix_ms()) {
                self.order(Order::Tick(tick)).await?;
            }
            // After the first tick the clock may be set back without making the agent wait for the earlier time.
            earliest = 0;
        }
        Ok(())
    }

    /// Returns true if the run may end. A second signal ends the process meanwhile.
    async fn may_end(&mut self) -> bool {
        tokio::select! {
            may_end = (self.may_end)() => may_end,
            () = self.signals.first() => true,
        }
    }

    /// Sleeps for `duration`, or until a signal comes, which is a break.
    async fn sleep(&mut self, duration: Duration) -> ControlFlow<()> {
        tokio::select! {
            () = tokio::time::sleep(duration) => ControlFlow::Continue(()),
            () = self.signals.first() => ControlFlow::Break(()),
        }
    }

    /// Sends an order to the thread and waits until it is done, whatever signals come.
    async fn order(&mut self, order: Order) -> Result<(), RunError<E>> {
        let mut result = self.worker.send(order).ok_or(RunError::Gone)?;
        loop {
            tokio::select! {
                result = &mut result => {
                    return result.map_err(|_| RunError::Gone)?.map_err(RunError::Work);
                }
                () = self.signals.first() => {
                    if self.may_end().await {
                        self.stop.request();
                    }
                }
            }
        }
    }
}

enum Order {
    Prime,
    Tick(Tick),
    Replay(bool),
    Finish,
}

/// The sender of an order's result.
type ResultSender<E> = oneshot::Sender<Result<(), E>>;

struct Worker<E> {
    orders: mpsc::Sender<(Order, ResultSender<E>)>,
    thread: Option<JoinHandle<()>>,
}

impl<E: Send + 'static> Worker<E> {
    fn start(mut work: impl TickHandler<Error = E>) -> std::io::Result<Self> {
        let (orders, inbox) = mpsc::channel::<(Order, ResultSender<E>)>();
        let thread = thread::Builder::new().name("tick".into()).spawn(move || {
            for (order, sender) in inbox {
                let result = match order {
                    Order::Prime => work.prime(),
                    Order::Tick(tick) => work.tick(tick),
                    Order::Replay(once) => work.replay(once),
                    Order::Finish => {
                        work.finish();
                        Ok(())
                    }
                };
                // The receiver is gone only when the process is about to end.
                let _ = sender.send(result);
            }
        })?;
        Ok(Self { orders, thread: Some(thread) })
    }

    fn send(&self, order: Order) -> Option<oneshot::Receiver<Result<(), E>>> {
        let (sender, receiver) = oneshot::channel();
        self.orders.send((order, sender)).ok()?;
        Some(receiver)
    }

    fn join(self) {
        drop(self.orders);
        if let Some(thread) = self.thread {
            // The panic hook has reported a panic, which also shows as `RunError::Gone`.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
