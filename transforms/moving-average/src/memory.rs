//! State of the transform: the last average of each metric of each entity, with the time of its tick.

use insights_sdk::prelude::*;

use crate::options::Options;

/// The averages of previous ticks.
pub(crate) struct Memory<'a> {
    options: &'a Options,
    now_ms: u64,
    interval_ms: u64,
}

/// An average and the time of its tick in milliseconds since the Unix epoch: `[mean, time]` in the state.
type Average = (f64, u64);

impl<'a> Memory<'a> {
    /// Opens the state, and deletes averages not updated for more than `forget_after` ticks: their entities are gone.
    pub(crate) fn read(options: &'a Options, batch: &Batch) -> Self {
        let (now_ms, interval_ms) = (batch.time_unix_ms(), batch.interval_ms().max(1));
        let memory = Self { options, now_ms, interval_ms };
        state::retain("", |key| memory.remembered(key).is_some());
        memory
    }

    /// Returns the average including this value, and stores it; returns an error if it cannot be stored.
    pub(crate) fn average(&self, entity: Entity<'_>, metric: &str, value: f64) -> Result<f64, String> {
        let key = key(entity, metric);
        let mean = match self.remembered(&key) {
            // A second entity with the same path counts as the next tick of the first.
            Some((mean, time_ms)) => value + (mean - value) * self.keep(self.ticks_since(time_ms).max(1)),
            None => value,
        };
        state::put(&key, &(mean, self.now_ms))?;
        Ok(mean)
    }

    /// Returns the stored average unless it expired. If the clock went back, nothing expires.
    fn remembered(&self, key: &str) -> Option<Average> {
        let average = state::get::<Average>(key)?;
        (self.ticks_since(average.1) <= self.options.forget_after).then_some(average)
    }

    /// Returns the ticks from `time_ms` to now, rounded.
    fn ticks_since(&self, time_ms: u64) -> u64 {
        self.now_ms.saturating_sub(time_ms).saturating_add(self.interval_ms / 2) / self.interval_ms
    }

    /// Returns the remaining weight of an average after `n` ticks: `(1 - 2 / (ticks + 1)) ^ n`.
    fn keep(&self, mut n: u64) -> f64 {
        let (mut factor, mut power) = (1.0, 1.0 - 2.0 / (self.options.ticks as f64 + 1.0));
        while n > 0 {
            if n & 1 == 1 {
                factor *= power;
            }
            power *= power;
            n >>= 1;
        }
        factor
    }
}

/// Returns the key in the state, `pod=UID/container=NAME/METRIC`: kinds and ids below the scope's own entity, to which the
/// state belongs.
fn key(entity: Entity<'_>, metric: &str) -> String {
    let mut key = [entity.kind(), "=", entity.id(), "/", metric].concat();
    let mut at = entity.parent();
    while let Some(parent) = at {
        at = parent.parent();
        if at.is_some() {
            key = [parent.kind(), "=", parent.id(), "/", &key].concat();
        }
    }
    key
}
