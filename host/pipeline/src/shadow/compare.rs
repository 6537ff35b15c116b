//! Comparison of the results of a new bundle and the running one.

use std::time::Duration;

use super::ShadowResult;
use super::bounds::Bounds;

/// CPU time per batch that a new bundle may always use in addition to the running one: smaller differences are noise.
const CPU_FLOOR: Duration = Duration::from_millis(100);

/// A bounds violation, because of which a new bundle is not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BoundsViolation {
    /// A component fails that does not fail in the running bundle.
    #[error("{slot} fails on the last batch: {error}")]
    Failed {
        /// Name of the slot.
        slot: String,
        /// Error text.
        error: String,
    },
    /// The output filters would drop more events.
    #[error("{events} events would be dropped by the output filter: {why}")]
    Rejected {
        /// Number of events dropped.
        events: u64,
        /// Reason of the last output that dropped any.
        why: String,
    },
    /// The components use too much CPU time.
    #[error(
        "CPU time of a batch: {} ms instead of {} ms, beyond `rollout.bounds.cpu_more`",
        new.as_millis(),
        old.as_millis()
    )]
    Cpu {
        /// CPU time of the running bundle.
        old: Duration,
        /// CPU time of the new bundle.
        new: Duration,
    },
    /// A count changed by more than its bound.
    #[error("{what}: {new} instead of {old}, beyond `rollout.bounds.{bound}`{examples}")]
    Beyond {
        /// Name of the count.
        what: &'static str,
        /// Count of the running bundle.
        old: u64,
        /// Count of the new bundle.
        new: u64,
        /// Configuration key of the bound.
        bound: &'static str,
        /// Some of the names that changed, if names are counted.
        examples: String,
    },
}

impl ShadowResult {
    /// Checks that this result, of a new bundle, is within bounds of `running`. A count that is 0 in `running` has no bounds.
    ///
    /// # Errors
    /// The first violation.
    pub fn check(&self, running: &Self, bounds: &Bounds) -> Result<(), BoundsViolation> {
        let fails_there = |slot: &str| running.failed.iter().any(|(other, _)| other == slot);
        if let Some((slot, error)) = self.failed.iter().find(|(slot, _)| !fails_there(slot)) {
            return Err(BoundsViolation::Failed { slot: slot.clone(), error: error.clone() });
        }
        let (events, why) = &self.rejected;
        if *events > running.rejected.0 {
            return Err(BoundsViolation::Rejected { events: *events, why: why.clone() });
        }
        let lost: Vec<&str> = running.metrics.difference(&self.metrics).map(String::as_str).collect();
        let added: Vec<&str> = self.metrics.difference(&running.metrics).map(String::as_str).collect();
        let (old, new) = (running.events, self.events);
        within("events", old, new, old.saturating_sub(new), "events_less", bounds.events_less, &[])?;
        within("events", old, new, new.saturating_sub(old), "events_more", bounds.events_more, &[])?;
        let (old, new) = (running.bytes, self.bytes);
        within("bytes of events", old, new, new.saturating_sub(old), "bytes_more", bounds.bytes_more, &[])?;
        let (old, new) = (running.metrics.len() as u64, self.metrics.len() as u64);
        within("metric names", old, new, lost.len() as u64, "metrics_less", bounds.metrics_less, &lost)?;
        within("metric names", old, new, added.len() as u64, "metrics_more", bounds.metrics_more, &added)?;
        let undeclared: Vec<&str> = running.declared.difference(&self.declared).map(String::as_str).collect();
        let (old, new) = (running.declared.len() as u64, self.declared.len() as u64);
        let gone = undeclared.len() as u64;
        within("declared metrics", old, new, gone, "declared_less", bounds.declared_less, &undeclared)?;
        let (old, new) = (running.series.len() as u64, self.series.len() as u64);
        within("series", old, new, new.saturating_sub(old), "series_more", bounds.series_more, &[])?;
        self.check_cpu(running, bounds)
    }

    pub(super) fn check_cpu(&self, running: &Self, bounds: &Bounds) -> Result<(), BoundsViolation> {
        let (old, new) = (running.cpu, self.cpu);
        let more = new.saturating_sub(old);
        let is_bounded = bounds.cpu_more.is_finite();
        // A running bundle without events, for want of a batch or because it makes none, gives nothing to compare with.
        let is_comparable = running.events > 0 && more > CPU_FLOOR;
        if !is_bounded || !is_comparable || more.as_secs_f64() <= old.as_secs_f64() * bounds.cpu_more {
            return Ok(());
        }
        Err(BoundsViolation::Cpu { old, new })
    }
}

fn within(
    what: &'static str,
    old: u64,
    new: u64,
    change: u64,
    bound: &'static str,
    limit: f64,
    names: &[&str],
) -> Result<(), BoundsViolation> {
    const EXAMPLES: usize = 3;
    if old == 0 || change as f64 <= old as f64 * limit {
        return Ok(());
    }
    let some = names.iter().take(EXAMPLES).copied().collect::<Vec<_>>().join(", ");
    let direction = if bound.ends_with("less") { "gone" } else { "new" };
    let examples = if some.is_empty() {
        String::new()
    } else {
        format!("; {direction}: {} such as {some}", names.len())
    };
    Err(BoundsViolation::Beyond { what, old, new, bound, examples })
}
