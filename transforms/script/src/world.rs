//! The batch at hand: functions of a program live as long as the interpreter and cannot borrow it.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;

use insights_sdk::{Batch, log};

use crate::{check, names};

/// Most names that are looked after: a program may make them up.
const MOST_NAMES: usize = 256;

/// Holds the batch while a program runs.
pub(crate) struct World {
    batch: RefCell<Option<Batch>>,
    /// Names that the program asked for, and whether something had them; `None` where nobody wants to know.
    asked: Option<RefCell<BTreeMap<String, bool>>>,
}

impl World {
    /// A world without a batch; `explains` what nothing in a batch had.
    pub(crate) fn new(explains: bool) -> Self {
        Self { batch: RefCell::default(), asked: explains.then(RefCell::default) }
    }

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

    /// Notes that something was asked for under a name, and whether it was there; `what` is not called where nobody wants to
    /// know.
    pub(crate) fn note(&self, what: impl FnOnce() -> Option<(String, bool)>) {
        let Some(mut asked) = self.asked.as_ref().map(RefCell::borrow_mut) else { return };
        let Some((name, found)) = what() else { return };
        if asked.len() < MOST_NAMES || asked.contains_key(&name) {
            *asked.entry(name).or_default() |= found;
        }
    }

    /// Logs which names nothing in `batch` has, each with the nearest one that is there.
    pub(crate) fn explain(&self, batch: &Batch) {
        let Some(asked) = self.asked.as_ref().map(RefCell::take) else { return };
        let missed: Vec<String> =
            asked.into_iter().filter(|(_, found)| !found).map(|(name, _)| name).collect();
        if missed.is_empty() {
            return;
        }
        let known = names::all(batch);
        for name in missed {
            let nearest = check::nearest(&name, known.iter().copied());
            let meant = nearest.map(|nearest| ["; is `", nearest, "` meant?"].concat()).unwrap_or_default();
            log::warn(&["nothing that was asked for `", &name, "` has it", &meant].concat());
        }
    }
}
