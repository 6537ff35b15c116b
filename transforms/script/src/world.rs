//! The batch at hand: functions of a program live as long as the interpreter and cannot borrow it.

use alloc::string::{String, ToString};
use core::cell::RefCell;

use insights_sdk::Batch;

/// Holds the batch while a program runs.
#[derive(Default)]
pub(crate) struct World {
    batch: RefCell<Option<Batch>>,
}

impl World {
    /// Gives the batch to the functions while `run` runs, and then back.
    pub(crate) fn lend(
        &self,
        batch: Batch,
        run: impl FnOnce() -> Result<(), String>,
    ) -> Result<Batch, String> {
        self.batch.replace(Some(batch));
        let ran = run();
        let batch = self.batch.take().ok_or_else(|| "the batch is gone".to_string())?;
        ran.map(|()| batch)
    }

    /// Calls a function with the batch; `None` while no program runs.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&Batch) -> T) -> Option<T> {
        self.batch.borrow().as_ref().map(call)
    }
}
