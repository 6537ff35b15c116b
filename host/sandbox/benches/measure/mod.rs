//! Measurement of components and of the same code compiled natively.

use std::hint::black_box;
use std::time::Duration;

use insightd_sandbox::Component;
use insights_batch::{Batch, Columns};
use insights_sdk::Transform;
use rustix::time::{ClockId, clock_gettime};

pub(crate) const ROUNDS: usize = 200;

pub(crate) fn process(component: &Component, config: &str, columns: &Columns) -> Duration {
    median(|| component.process(config, columns).unwrap())
}

/// Runs a transform without a sandbox: the copy stands for the one that the sandbox boundary makes.
pub(crate) fn native<T: Transform>(config: &str, columns: &Columns) -> Columns {
    let transform = insights_sdk::configure(config, T::configure).unwrap();
    let batch = Batch::from_columns(columns.clone());
    transform.process_owned(batch).unwrap().into_columns()
}

/// Returns the median CPU time of this thread: on a busy machine the wall clock measures other processes.
pub(crate) fn median<T>(mut work: impl FnMut() -> T) -> Duration {
    let cpu_time = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
    };
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = cpu_time();
            black_box(work());
            cpu_time().saturating_sub(started)
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
