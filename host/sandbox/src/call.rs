//! One call: a fresh instance, limits, deadline; everything it used is given back at the end.

use std::str::Utf8Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use insights_sdk::state::Overlay;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Store, Trap};

use crate::budget::Deadline;
use crate::deadline::{self, TimeUp};
use crate::error::CallError;
use crate::limits::{Limiter, OverLimit};
use crate::log::{Budget, CallLog};
use crate::sandbox::Shared;
use crate::text::{ERROR_BYTES, clip};
use crate::wasi::{Denied, Exit, Random};

/// What the host keeps for one call.
pub(crate) struct Host {
    pub(crate) limiter: Limiter,
    pub(crate) log: CallLog,
    pub(crate) random: Random,
    /// What it remembers, while it may.
    pub(crate) state: Option<Overlay>,
}

impl Shared {
    /// Makes an instance and lets `work` call it. `input` is the size in bytes of what the component is given; what it may
    /// hand over grows with it. `peak` becomes at least the memory that the instance had, bytes.
    #[expect(clippy::too_many_arguments, reason = "what a call is made of; one caller for each kind of call")]
    pub(crate) fn call<T, E: From<CallError> + Explain>(
        &self,
        pre: &InstancePre<Host>,
        budget: &Arc<Budget>,
        peak: &AtomicUsize,
        deadline: &Deadline,
        input: usize,
        seed: u64,
        work: impl FnOnce(&mut Store<Host>, &Instance) -> Result<T, E>,
    ) -> Result<T, E> {
        let limits = &self.limits;
        let log = CallLog::new(Arc::clone(budget), limits);
        let host = Host { limiter: Limiter::new(limits), log, random: Random::new(seed), state: None };
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| &mut host.limiter);
        store.set_hostcall_fuel(limits.output_bytes(input));
        deadline::arm(&mut store, deadline);

        let _running = self.ticker.run();
        let result = pre
            .instantiate(&mut store)
            .map_err(|error| E::from(failure(&error)))
            .and_then(|instance| work(&mut store, &instance));
        peak.fetch_max(store.data().limiter.memory(), Ordering::Relaxed);
        let last_words = store.data_mut().log.finish();
        result.map_err(|error| match last_words {
            Some(words) => error.explained(&words),
            None => error,
        })
    }
}

/// Errors that the component's last words can make clearer.
pub(crate) trait Explain {
    /// `words` is the last line that the component wrote to standard error, such as a panic message.
    #[must_use]
    fn explained(self, words: &str) -> Self;
}

impl Explain for CallError {
    fn explained(self, words: &str) -> Self {
        match self {
            Self::Trap(reason) => Self::Trap(format!("{reason}: {words}")),
            other => other,
        }
    }
}

/// What an error of the runtime means.
pub(crate) fn failure(error: &wasmtime::Error) -> CallError {
    if let Some(time_up) = error.downcast_ref::<TimeUp>() {
        return timed_out(time_up);
    }
    if let Some(OverLimit(reason)) = error.downcast_ref() {
        return CallError::Limit(reason.clone());
    }
    if let Some(Exit(code)) = error.downcast_ref() {
        return CallError::Trap(format!("it ended itself with exit code {code}"));
    }
    if let Some(Denied(import)) = error.downcast_ref() {
        return CallError::Trap(format!("it called {import}, which no component gets"));
    }
    let reason = error.root_cause().to_string();
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return CallError::Trap(match trap {
            // What a panic becomes where the component was built without standard error.
            Trap::UnreachableCodeReached => format!("{reason} (a panic?)"),
            _ => clip(&reason, ERROR_BYTES),
        });
    }
    // Everything else is found while its data is read: no UTF-8, a list outside of its memory, an unknown enum case. The
    // runtime makes those errors of a message, or keeps the standard library's. The one with a type of its own, a private
    // one, says that the store's host-call fuel is used up.
    let is_message =
        error.is::<String>() || error.is::<&'static str>() || error.root_cause().is::<Utf8Error>();
    if !is_message {
        return CallError::Limit("it handed over more data than its input allows".to_owned());
    }
    CallError::Output(clip(&reason, ERROR_BYTES))
}

/// The error of a call whose time is up.
pub(crate) fn timed_out(time_up: &TimeUp) -> CallError {
    match *time_up {
        TimeUp::Cpu { used, limit } => CallError::CpuTime { used, limit },
        TimeUp::Wall { took, limit } => CallError::WallTime { took, limit },
    }
}
