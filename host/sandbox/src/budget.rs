//! Time shared by several calls: a batch has one budget for all stages, slices and searches of its pipeline.
//!
//! Without it a component could extend a tick at will: a stage by the number of entities it returns, a formatter by the
//! duration of each slice. All CPU times are those of the thread that created the budget.

use std::time::{Duration, Instant};

use crate::deadline::{Deadline, thread_cpu_time};
use crate::limits::CallLimits;
use crate::stop::Stop;

/// CPU time of a budget, as a multiple of the CPU time of a single call.
const CALLS_PER_BUDGET: u32 = 2;
/// Minimum CPU and wall time of a call: with less, a call would be stopped whatever it does.
const MIN_CALL_TIME: Duration = Duration::from_millis(5);

/// CPU and wall time of one batch in one pipeline.
///
/// A call gets at most half of the remaining time, so that a stage that uses all of its time leaves some to later ones.
#[derive(Debug)]
pub struct Budget {
    cpu_end: Duration,
    wall_end: Instant,
    stop: Stop,
}

impl Budget {
    /// Creates a budget that begins now, on this thread: twice the CPU time of a single call, and the wall time of one.
    pub fn new(limits: &CallLimits, stop: &Stop) -> Self {
        let cpu = limits.cpu_time.saturating_mul(CALLS_PER_BUDGET);
        Self {
            cpu_end: thread_cpu_time().saturating_add(cpu),
            wall_end: instant_after(limits.wall_time),
            stop: stop.clone(),
        }
    }

    /// Returns the deadline of a call that begins now and may use at most `cpu`.
    pub(crate) fn call(&self, limits: &CallLimits, cpu: Duration) -> Deadline {
        let half = self.cpu_left() / 2;
        let wall = self.wall_end.saturating_duration_since(Instant::now()) / 2;
        Deadline::new(
            cpu.min(limits.cpu_time).min(half).max(MIN_CALL_TIME),
            limits.wall_time.min(wall).max(MIN_CALL_TIME),
            &self.stop,
        )
    }

    /// Returns the remaining CPU time.
    pub(crate) fn cpu_left(&self) -> Duration {
        self.cpu_end.saturating_sub(thread_cpu_time())
    }

    /// Returns true if a shutdown was requested.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_requested()
    }

    /// Returns true if no time is left for optional work.
    pub(crate) fn is_spent(&self) -> bool {
        self.cpu_left() <= MIN_CALL_TIME || self.wall_end <= Instant::now() || self.is_stopped()
    }
}

/// Returns the instant after `duration`, or one in a year if that overflows.
fn instant_after(duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now().checked_add(duration).unwrap_or_else(|| Instant::now() + FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_gets_at_most_half_of_the_remaining_time() {
        let limits = CallLimits { cpu_time: Duration::from_secs(1000), ..CallLimits::default() };
        let budget = Budget::new(&limits, &Stop::default());
        let call = budget.call(&limits, limits.cpu_time);
        assert!(call.cpu_limit <= Duration::from_secs(1000) && call.cpu_limit > Duration::from_secs(900));
        assert!(call.wall_limit <= limits.wall_time / 2);
        assert_eq!(budget.call(&limits, Duration::from_secs(3)).cpu_limit, Duration::from_secs(3));
        assert!(!budget.is_spent());
        let nothing = CallLimits { cpu_time: Duration::ZERO, ..CallLimits::default() };
        assert!(Budget::new(&nothing, &Stop::default()).is_spent());
    }

    #[test]
    fn a_shutdown_ends_a_budget() {
        let (limits, stop) = (CallLimits::default(), Stop::default());
        let budget = Budget::new(&limits, &stop);
        assert!(!budget.is_spent());
        stop.request();
        assert!(budget.is_spent());
    }
}
