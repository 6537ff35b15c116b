//! A component that is ready to be called: native code, checked against the contract, linked.

mod contract;
mod load;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use insights_sdk::state::{Changes, Overlay, State};
use insights_sdk::{Columns, Limits as SinkLimits, Payloads};
use wasmtime::component::InstancePre;

use crate::bindings::{format, stage};
use crate::budget::Deadline;
use crate::call::{Host, failure, timed_out};
use crate::error::CallError;
use crate::limits::Limits;
use crate::log::Budget;
use crate::sandbox::Shared;
use crate::text::{ERROR_BYTES, clip, clip_lines};
use crate::{convert, output, slice, state as memory};

pub(crate) use load::load;

/// What a component is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A stage of a chain: batch in, batch out.
    Transform,
    /// The end of a chain: batch in, bytes out.
    Formatter,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transform => "transform",
            Self::Formatter => "formatter",
        })
    }
}

/// What a component says of itself; see `record description` in `wit/types.wit`. All texts are bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Short name, such as `utilization`.
    pub name: String,
    /// Version of the component.
    pub version: String,
    /// JSON schema of its configuration.
    pub config_schema: String,
    /// Names it reads.
    pub reads: Vec<String>,
    /// Names it writes.
    pub writes: Vec<String>,
}

/// A component that is ready to be called. Cheap to clone. Each call has a fresh instance: configured, called, dropped.
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
    budget: Arc<Budget>,
    /// Of the calls since it was last taken, bytes.
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
    /// Name it was loaded under.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// SHA-256 of its WebAssembly.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.0.sha256
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        match self.0.exports {
            Exports::Stage(_) => Kind::Transform,
            Exports::Format(_) => Kind::Formatter,
        }
    }

    /// What it says of itself.
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// Whether it remembers anything: only then a [`State`] is of use to it, and without one it lacks something.
    pub fn uses_state(&self) -> bool {
        self.0.uses_state
    }

    /// The limits of its calls.
    pub(crate) fn limits(&self) -> &Limits {
        &self.0.shared.limits
    }

    /// Most linear memory of any call since this was asked last, bytes.
    pub(crate) fn take_peak_memory(&self) -> usize {
        self.0.peak_memory.swap(0, Ordering::Relaxed)
    }

    /// Whether it takes `config` (JSON; `{}` where the operator wrote none).
    ///
    /// # Errors
    /// [`CallError::Config`] with the component's words, or whatever else went wrong in `configure`.
    pub fn check_config(&self, config: &str) -> Result<(), CallError> {
        let inner = &*self.0;
        inner.shared.call(
            &inner.pre,
            &inner.budget,
            &inner.peak_memory,
            &Deadline::of_call(&inner.shared.limits),
            config.len(),
            seed(&[config]),
            |store, instance| match &inner.exports {
                Exports::Stage(exports) => {
                    let guest = exports.load(&mut *store, instance).map_err(|error| failure(&error))?;
                    configured(guest.call_configure(store, config))
                }
                Exports::Format(exports) => {
                    let guest = exports.load(&mut *store, instance).map_err(|error| failure(&error))?;
                    configured(guest.call_configure(store, config))
                }
            },
        )
    }

    /// Runs a transform over the batch of one scope.
    ///
    /// # Errors
    /// Any [`CallError`]; the batch is untouched, so that another version can be given it.
    pub fn process(&self, config: &str, columns: &Columns) -> Result<Columns, CallError> {
        self.process_with(config, columns, None).map(|(columns, _)| columns)
    }

    /// As [`Component::process`], for a component that is granted a state; what it changed of that comes with the result. It
    /// counts once somebody applies it. Without a state the component finds nothing, and its writes are refused with
    /// words that tell its author to ask for one.
    ///
    /// # Errors
    /// As [`Component::process`]. What the call wrote is gone then.
    pub fn process_with(
        &self,
        config: &str,
        columns: &Columns,
        state: Option<&State>,
    ) -> Result<(Columns, Changes), CallError> {
        self.process_until(config, columns, state, &Deadline::of_call(self.limits()))
    }

    /// As [`Component::process_with`], with another end than that of a single call.
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
            &inner.budget,
            &inner.peak_memory,
            deadline,
            convert::size(columns),
            batch_seed(columns),
            |store, instance| {
                let guest = exports.load(&mut *store, instance).map_err(|error| failure(&error))?;
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
    /// `metric`). The events of all slices are returned together.
    ///
    /// # Errors
    /// Any [`CallError`], of the first slice that fails: a batch is delivered whole or not at all. All slices together have
    /// the time of one call.
    pub fn format(
        &self,
        config: &str,
        columns: &Columns,
        limits: &SinkLimits,
    ) -> Result<Payloads, CallError> {
        self.format_with(config, columns, limits, None).map(|(payloads, _)| payloads)
    }

    /// As [`Component::format`], with a state as for [`Component::process_with`]. A slice finds what the one before it
    /// wrote.
    ///
    /// # Errors
    /// As [`Component::format`]. What the calls wrote is gone then.
    pub fn format_with(
        &self,
        config: &str,
        columns: &Columns,
        limits: &SinkLimits,
        state: Option<&State>,
    ) -> Result<(Payloads, Changes), CallError> {
        self.format_until(config, columns, limits, state, &Deadline::of_call(self.limits()))
    }

    /// As [`Component::format_with`], with another end than that of a single call.
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
            // A slice may be over before running code looks at its time.
            deadline.check().map_err(|time_up| timed_out(&time_up))?;
            let part = part.as_ref();
            let payloads = inner.shared.call(
                &inner.pre,
                &inner.budget,
                &inner.peak_memory,
                &deadline,
                convert::size(part),
                batch_seed(part),
                |store, instance| {
                    let guest = exports.load(&mut *store, instance).map_err(|error| failure(&error))?;
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

/// The outcome of a `configure`.
fn configured(result: wasmtime::Result<Result<(), String>>) -> Result<(), CallError> {
    let refused = |text: String| CallError::Config(clip_lines(&text, ERROR_BYTES));
    result.map_err(|error| failure(&error))?.map_err(refused)
}

/// The outcome of a `process` or `format`.
fn returned<T>(result: wasmtime::Result<Result<T, String>>) -> Result<T, CallError> {
    let failed = |text: String| CallError::Guest(clip(&text, ERROR_BYTES));
    result.map_err(|error| failure(&error))?.map_err(failed)
}

/// The same batch gives the same random numbers, so that the same input gives the same output.
fn batch_seed(columns: &Columns) -> u64 {
    seed(&[&columns.scope, &columns.scope_id]) ^ columns.time_unix_ms.rotate_left(32)
}

/// FNV-1a over texts.
fn seed(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
