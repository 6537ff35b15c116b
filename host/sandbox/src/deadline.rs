//! Time limits: CPU time of the calling thread, with wall-clock time as a distant backstop.
//!
//! A node agent shares the CPU with the workload that it measures. On a busy or throttled node a good component may wait seconds for a
//! CPU, which must not count as its failure. A call is therefore stopped by the CPU time it used.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Store, UpdateDeadline};

use crate::limits::CallLimits;
use crate::stop::Stop;

/// CPU time for which a call may continue after a shutdown request.
const GRACE: Duration = Duration::from_millis(250);

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

/// Deadline of one call, including all its slices.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    cpu_start: Duration,
    pub(crate) cpu_limit: Duration,
    wall_start: Instant,
    pub(crate) wall_limit: Duration,
    stop: Stop,
    /// CPU time of the call when it noticed the shutdown.
    stopped_at: Option<Duration>,
}

impl Deadline {
    pub(crate) fn new(cpu_limit: Duration, wall_limit: Duration, stop: &Stop) -> Self {
        Self {
            cpu_start: thread_cpu_time(),
            cpu_limit,
            wall_start: Instant::now(),
            wall_limit,
            stop: stop.clone(),
            stopped_at: None,
        }
    }

    /// Returns the deadline of a single call outside of any budget.
    pub(crate) fn for_single_call(limits: &CallLimits) -> Self {
        Self::new(limits.cpu_time, limits.wall_time, &Stop::default())
    }

    /// Fails if the deadline is exceeded.
    pub(crate) fn check(&mut self) -> Result<(), DeadlineExceeded> {
        self.check_at(thread_cpu_time().saturating_sub(self.cpu_start), self.wall_start.elapsed())
    }

    /// Fails if the deadline is exceeded after `used` CPU time and `took` wall time.
    fn check_at(&mut self, used: Duration, took: Duration) -> Result<(), DeadlineExceeded> {
        let mut limit = self.cpu_limit;
        if self.stop.is_requested() {
            let since = *self.stopped_at.get_or_insert(used);
            limit = limit.min(since.saturating_add(GRACE));
        }
        if used > limit {
            return Err(DeadlineExceeded::Cpu { used, limit });
        }
        if took > self.wall_limit {
            return Err(DeadlineExceeded::Wall { took, limit: self.wall_limit });
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shutdown_leaves_a_call_a_grace_period() {
        let ms = Duration::from_millis;
        let stop = Stop::default();
        let mut call = Deadline::new(ms(1000), ms(10_000), &stop);
        assert!(call.check_at(ms(400), ms(400)).is_ok());
        stop.request();
        // The grace period starts when the request is noticed.
        assert!(call.check_at(ms(500), ms(500)).is_ok());
        assert!(call.check_at(ms(750), ms(750)).is_ok());
        let error = call.check_at(ms(751), ms(751)).unwrap_err();
        assert!(matches!(error, DeadlineExceeded::Cpu { limit, .. } if limit == ms(750)), "{error:?}");
        // Without a shutdown only the limit of the call applies.
        let mut call = Deadline::new(ms(1000), ms(10_000), &Stop::default());
        assert!(call.check_at(ms(900), ms(900)).is_ok() && call.check_at(ms(1001), ms(1001)).is_err());
    }
}
