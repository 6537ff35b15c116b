//! A stage of a pipeline: a transform.

use std::time::Instant;

use insightd_sandbox::{Budget, Processed, Slot};
use insights_batch::Columns;

use crate::log_throttle::LogThrottle;
use crate::states::{Grant, States};

/// A transform stage that is ready to run.
#[derive(Debug)]
pub struct Stage {
    pub(crate) slot: Slot,
    pub(crate) grant: Option<Grant>,
    throttle: LogThrottle,
}

impl Stage {
    /// Creates a stage that runs the component in `slot`; `grant` allows it to keep state.
    pub(crate) fn new(slot: Slot, grant: Option<Grant>) -> Self {
        Self { slot, grant, throttle: LogThrottle::default() }
    }

    /// Returns the batch for the next stage, or `None` if the batch ends here. Repeats the last error of the slot at the rate of the log
    /// throttle: a component that is given up is called again only after a backoff, and the slot itself logs nothing meanwhile.
    pub(crate) fn run(
        &mut self,
        pipeline: &str,
        batch: Columns,
        states: &mut States,
        budget: &Budget,
    ) -> Option<Columns> {
        let state = self.grant.as_ref().map(|grant| states.get(grant, &batch));
        let scope = self.grant.as_ref().map(|_| (batch.scope.clone(), batch.scope_id.clone()));
        let (processed, changes) = self.slot.process_within(batch, state.as_ref(), budget);
        if let (Some(grant), Some((kind, id))) = (&self.grant, &scope) {
            states.changed(grant, (kind, id), changes);
        }
        let (batch, outcome) = match processed {
            Processed::Done(batch) => return Some(batch),
            Processed::Skipped(batch) => (Some(batch), "skipped"),
            Processed::Dropped => (None, "batch dropped"),
        };
        if let Some(suppressed) = self.throttle.record(Instant::now()) {
            let stage = self.slot.name();
            let last_error = self.slot.stats().last_error.as_deref();
            tracing::error!(
                pipeline,
                stage,
                outcome,
                last_error,
                suppressed,
                "no version of this stage works"
            );
        }
        batch
    }
}
