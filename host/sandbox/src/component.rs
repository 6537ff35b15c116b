//! A component ready to be called: native code, checked against the contract and linked.

mod contract;
mod load;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use insights_batch::state::{Changes, Overlay, State};
use insights_batch::{Columns, Limits as SinkLimits, Payloads};
use wasmtime::component::InstancePre;

use crate::bindings::{format, stage};
use crate::call::{Host, classify, timed_out};
use crate::deadline::Deadline;
use crate::description::{Description, Kind};
use crate::error::CallError;
use crate::imports::state as memory;
use crate::limits::CallLimits;
use crate::log::LogQuota;
use crate::shared::Shared;
use crate::text::{ERROR_BYTES, clip, clip_lines};
use crate::{convert, output, slice};

pub(crate) use load::load;

/// A component ready to be called. Cheap to clone. Each call configures and runs a fresh instance, and drops it.
#[derive(Clone)]
pub struct Component(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    sha256: [u8; 32],
    shared: Arc<Shared>,
    pre: InstancePre<Host>,
    exports: Exports,
    uses_state: bool,
    description: Description,
    log_quota: Arc<LogQuota>,
    /// Maximum linear memory of a call since the value was last taken, bytes.
    peak_memory: AtomicUsize,
}

enum Exports {
    Stage(stage::GuestIndices),
    Format(format::GuestIndices),
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("name", &self.0.name)
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

impl Component {
    /// Returns the name under which it was loaded.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the SHA-256 of its WebAssembly.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.0.sha256
    }

    /// Returns the kind of component.
    pub fn kind(&self) -> Kind {
        match self.0.exports {
            Exports::Stage(_) => Kind::Transform,
            Exports::Format(_) => Kind::Formatter,
        }
    }

    /// Returns its self-description.
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// Returns true if it imports `state`: only then it can use a [`State`], and without one its writes fail.
    pub fn uses_state(&self) -> bool {
        self.0.uses_state
    }

    /// Returns the limits of its calls.
    pub(crate) fn limits(&self) -> &CallLimits {
        &self.0.shared.limits
    }

    /// Returns the maximum linear memory of a call in bytes since the last time this was called, and resets it.
    pub(crate) fn take_peak_memory(&self) -> usize {
        self.0.peak_memory.swap(0, Ordering::Relaxed)
    }

    /// Checks that the component accepts `config` (JSON; `{}` if the operator gave none).
    ///
    /// # Errors
    /// Returns [`CallError::Config`] with the component's error text, or any other error of `configure`.
    pub fn check_config(&self, config: &str) -> Result<(), CallError> {
        let inner = &*self.0;
        inner.shared.call(
            &inner.pre,
            &inner.log_quota,
            &inner.peak_memory,
            &Deadline::for_single_call(&inner.shared.limits),
            config.len(),
            seed(&[config]),
            |store, instance| match &inner.exports {
                Exports::Stage(exports) => {
                    let guest = exports.load(&mut *store, instance).map_err(|error| classify(&error))?;
                    configured(guest.call_configure(store, config))
                }
                Exports::Format(exports) => {
                    let guest = exports.load(&mut *store, instance).map_err(|error| classify(&error))?;
                    configured(guest.call_configure(store, config))
                }
            },
        )
    }

    /// Runs a transform over the batch of one scope.
    ///
    /// # Errors
    /// Returns any [`CallError`]; the batch is unchanged and can be passed to another version.
    pub fn process(&self, config: &str, columns: &Columns) -> Result<Columns, CallError> {
        self.process_with(config, columns, None).map(|(columns, _)| columns)
    }

    /// Like [`Component::process`], with access to a state; the changes are returned with the result, and take effect when the
    /// caller commits them. Without a state the component finds no keys, and its writes fail with an error text that tells its
    /// author to request state.
    ///
    /// # Errors
    /// Fails like [`Component::process`]. The changes of a failed call are dropped.
    pub fn process_with(
        &self,
        config: &str,
        columns: &Columns,
        state: Option<&State>,
    ) -> Result<(Columns, Changes), CallError> {
        self.process_until(config, columns, state, &Deadline::for_single_call(self.limits()))
    }

    /// Like [`Component::process_with`], with a given deadline.
    pub(crate) fn process_until(
        &self,
        config: &str,
        columns: &Columns,
        state: Option<&State>,
        deadline: &Deadline,
    ) -> Result<(Columns, Changes), CallError> {
        let inner = &*self.0;
        let Exports::Stage(exports) = &inner.exports else {
            return Err(CallError::Kind { is: self.kind(), wanted: Kind::Transform });
        };
        let (result, changes) = inner.shared.call(
            &inner.pre,
            &inner.log_quota,
            &inner.peak_memory,
            deadline,
            convert::size(columns),
            batch_seed(columns),
            |store, instance| {
                let guest = exports.load(&mut *store, instance).map_err(|error| classify(&error))?;
                configured(guest.call_configure(&mut *store, config))?;
                store.data_mut().state = state.cloned().map(Overlay::new);
                let result = returned(guest.call_process(&mut *store, convert::batch(columns)))?;
                Ok((result, memory::changes(store)))
            },
        )?;
        let result = convert::columns(result);
        output::check_columns(&inner.shared.limits, columns, &result)?;
        Ok((result, changes))
    }

    /// Runs a formatter over a batch, in slices of at most 512 entities, each with all descriptors (entities of kind
    /// `metric`). Returns the events of all slices together.
    ///
    /// # Errors
    /// Returns any [`CallError`], of the first slice that fails: a batch is delivered as a whole or not at all. All slices share
    /// the time of one call.
    pub fn format(
        &self,
        config: &str,
        columns: &Columns,
        limits: &SinkLimits,
    ) -> Result<Payloads, CallError> {
        self.format_with(config, columns, limits, None).map(|(payloads, _)| payloads)
    }

    /// Like [`Component::format`], with a state as in [`Component::process_with`]. A slice sees the changes of the preceding
    /// ones.
    ///
    /// # Errors
    /// Fails like [`Component::format`]. The changes of all slices are dropped then.
    pub fn format_with(
        &self,
        config: &str,
        columns: &Columns,
        limits: &SinkLimits,
        state: Option<&State>,
    ) -> Result<(Payloads, Changes), CallError> {
        self.format_until(config, columns, limits, state, &Deadline::for_single_call(self.limits()))
    }

    /// Like [`Component::format_with`], with a given deadline.
    pub(crate) fn format_until(
        &self,
        config: &str,
        columns: &Columns,
        limits: &SinkLimits,
        state: Option<&State>,
        deadline: &Deadline,
    ) -> Result<(Payloads, Changes), CallError> {
        let inner = &*self.0;
        let Exports::Format(exports) = &inner.exports else {
            return Err(CallError::Kind { is: self.kind(), wanted: Kind::Formatter });
        };
        let mut all = output::Collected::new(&inner.shared.limits, *limits);
        let mut overlay = state.cloned().map(Overlay::new);
        let mut deadline = deadline.clone();
        for part in slice::slices(columns) {
            // A short slice may end before compiled code checks the epoch.
            deadline.check().map_err(|exceeded| timed_out(&exceeded))?;
            let part = part.as_ref();
            let payloads = inner.shared.call(
                &inner.pre,
                &inner.log_quota,
                &inner.peak_memory,
                &deadline,
                convert::size(part),
                batch_seed(part),
                |store, instance| {
                    let guest = exports.load(&mut *store, instance).map_err(|error| classify(&error))?;
                    configured(guest.call_configure(&mut *store, config))?;
                    store.data_mut().state = overlay.take();
                    let limits = convert::limits(*limits);
                    let payloads = returned(guest.call_format(&mut *store, convert::batch(part), limits))?;
                    overlay = store.data_mut().state.take();
                    Ok(payloads)
                },
            )?;
            all.add(convert::payloads(payloads))?;
        }
        Ok((all.finish(), overlay.map(Overlay::into_changes).unwrap_or_default()))
    }
}

/// Converts the result of `configure`.
fn configured(result: wasmtime::Result<Result<(), String>>) -> Result<(), CallError> {
    let refused = |text: String| CallError::Config(clip_lines(&text, ERROR_BYTES));
    result.map_err(|error| classify(&error))?.map_err(refused)
}

/// Converts the result of `process` or `format`.
fn returned<T>(result: wasmtime::Result<Result<T, String>>) -> Result<T, CallError> {
    let failed = |text: String| CallError::Guest(clip(&text, ERROR_BYTES));
    result.map_err(|error| classify(&error))?.map_err(failed)
}

/// Returns the random seed of a batch: equal batches give equal random numbers, and thus equal output.
fn batch_seed(columns: &Columns) -> u64 {
    seed(&[&columns.scope, &columns.scope_id]) ^ columns.time_unix_ms.rotate_left(32)
}

/// Computes FNV-1a over texts.
fn seed(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
