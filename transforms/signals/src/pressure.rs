//! Pressure stall information: the share of time in which processes waited for CPU, memory or I/O.

use insights_sdk::{Counter, Entity, Unit};

use crate::names::{Published, Raw, publish};

/// Percent from microseconds per nanosecond.
const PERCENT: f64 = 100_000.0;

/// Publishes the pressure of a node, pod or container.
pub(crate) fn publish_all(entity: Entity<'_>, raw: &Raw, names: &Published) {
    for (counter, name) in raw.pressures.into_iter().zip(names.pressures) {
        publish(entity, name, entity.counter(counter).and_then(share), Unit::Percent);
    }
}

/// Returns the share of the interval. The kernel brings its totals up to date every two seconds, which may make the growth larger
/// than the interval.
fn share(stalled_us: Counter) -> Option<f64> {
    Some(stalled_us.rate(PERCENT)?.min(100.0))
}
