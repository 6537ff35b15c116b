//! Holder of the current batch: functions of a program live as long as the interpreter and cannot borrow the batch.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;

use insights_sdk::{Batch, log};

use crate::{check, names};

/// Maximum number of recorded names: a program may compute names without bound.
const MOST_NAMES: usize = 256;

/// The batch of the running program.
pub(crate) struct World {
    batch: RefCell<Option<Batch>>,
    /// Names that the program requested, and whether something had them; `None` unless `explain` is set.
    requested: Option<RefCell<BTreeMap<String, bool>>>,
}

impl World {
    /// Creates a world without a batch; with `explains` it records the requested names.
    pub(crate) fn new(explains: bool) -> Self {
        Self { batch: RefCell::default(), requested: explains.then(RefCell::default) }
    }

    /// Makes the batch available to the functions while `run` runs, and returns it afterwards.
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

    /// Calls a function with the batch; returns `None` while no program runs.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&Batch) -> T) -> Option<T> {
        self.batch.borrow().as_ref().map(call)
    }

    /// Records a requested name and whether it was found. `what` is called only if `explain` is set.
    pub(crate) fn note(&self, what: impl FnOnce() -> Option<(String, bool)>) {
        let Some(mut requested) = self.requested.as_ref().map(RefCell::borrow_mut) else { return };
        let Some((name, found)) = what() else { return };
        if requested.len() < MOST_NAMES || requested.contains_key(&name) {
            *requested.entry(name).or_default() |= found;
        }
    }

    /// Logs the requested names that were never found, each with the nearest name in `batch`.
    pub(crate) fn explain(&self, batch: &Batch) {
        let Some(requested) = self.requested.as_ref().map(RefCell::take) else { return };
        let missed: Vec<String> =
            requested.into_iter().filter(|(_, found)| !found).map(|(name, _)| name).collect();
        if missed.is_empty() {
            return;
        }
        let known = names::all(batch);
        for name in missed {
            let nearest = check::nearest(&name, known.iter().copied());
            let meant =
                nearest.map(|nearest| ["; did you mean `", nearest, "`?"].concat()).unwrap_or_default();
            log::warn(&["no queried entity has `", &name, "`", &meant].concat());
        }
    }
}
