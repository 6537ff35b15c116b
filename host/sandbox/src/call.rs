//! One call: a fresh instance with limits and a deadline, dropped with all its resources at the end.

use std::str::Utf8Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use insights_batch::state::Overlay;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Store, Trap};

use crate::deadline::{self, Deadline, DeadlineExceeded};
use crate::error::CallError;
use crate::limits::{Limiter, OverLimit};
use crate::log::{CallLog, LogQuota};
use crate::random::Random;
use crate::shared::Shared;
use crate::text::{ERROR_BYTES, clip};

/// Host state of one call.
pub(crate) struct Host {
    pub(crate) limiter: Limiter,
    pub(crate) log: CallLog,
    pub(crate) random: Random,
    /// Persistent state, if the component may access it in this call.
    pub(crate) state: Option<Overlay>,
}

impl Shared {
    /// Creates an instance and calls `run` with it. `input` is the size of the component's input in bytes, which scales the
    /// output limit. Raises `peak` to the linear memory of the instance in bytes if that is larger.
    #[expect(clippy::too_many_arguments, reason = "what a call is made of; one caller for each kind of call")]
    pub(crate) fn call<T, E: From<CallError> + AddStderr>(
        &self,
        pre: &InstancePre<Host>,
        log_quota: &Arc<LogQuota>,
        peak: &AtomicUsize,
        deadline: &Deadline,
        input: usize,
        seed: u64,
        run: impl FnOnce(&mut Store<Host>, &Instance) -> Result<T, E>,
    ) -> Result<T, E> {
        let limits = &self.limits;
        let log = CallLog::new(Arc::clone(log_quota), limits);
        let host = Host { limiter: Limiter::new(limits), log, random: Random::new(seed), state: None };
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| &mut host.limiter);
        store.set_hostcall_fuel(limits.output_bytes(input));
        deadline::arm(&mut store, deadline);

        let _running = self.ticker.run();
        let result = pre
            .instantiate(&mut store)
            .map_err(|error| E::from(classify(&error)))
            .and_then(|instance| run(&mut store, &instance));
        peak.fetch_max(store.data().limiter.memory(), Ordering::Relaxed);
        let stderr_line = store.data_mut().log.finish();
        result.map_err(|error| match stderr_line {
            Some(line) => error.with_stderr(&line),
            None => error,
        })
    }
}

/// A call of a function that no component may use.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not available")]
pub(crate) struct Denied(pub(crate) String);

/// A call of `exit`, with the exit code.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub(crate) struct Exit(pub(crate) u8);

/// Errors that the component's last line on standard error can explain.
pub(crate) trait AddStderr {
    /// Adds `line`, the last line that the component wrote to standard error, such as a panic message.
    #[must_use]
    fn with_stderr(self, line: &str) -> Self;
}

impl AddStderr for CallError {
    fn with_stderr(self, line: &str) -> Self {
        match self {
            Self::Trap(reason) => Self::Trap(format!("{reason}: {line}")),
            other => other,
        }
    }
}

/// Classifies an error of the runtime.
pub(crate) fn classify(error: &wasmtime::Error) -> CallError {
    if let Some(exceeded) = error.downcast_ref::<DeadlineExceeded>() {
        return timed_out(exceeded);
    }
    if let Some(OverLimit(reason)) = error.downcast_ref() {
        return CallError::Limit(reason.clone());
    }
    if let Some(Exit(code)) = error.downcast_ref() {
        return CallError::Trap(format!("exited with code {code}"));
    }
    if let Some(Denied(import)) = error.downcast_ref() {
        return CallError::Trap(format!("called {import}, which components may not use"));
    }
    let reason = error.root_cause().to_string();
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return CallError::Trap(match trap {
            // A panic ends in this trap if the component was built without standard error.
            Trap::UnreachableCodeReached => format!("{reason} (possibly a panic)"),
            _ => clip(&reason, ERROR_BYTES),
        });
    }
    // All other errors occur while data is lifted: invalid UTF-8, a list outside of memory, an unknown enum case. The runtime
    // builds those from a message, or keeps the error of the standard library. The only one with a type of its own, which is
    // private, reports that the store's host-call fuel is exhausted.
    let is_message =
        error.is::<String>() || error.is::<&'static str>() || error.root_cause().is::<Utf8Error>();
    if !is_message {
        return CallError::Limit("output exceeds the limit for this input".to_owned());
    }
    CallError::Output(clip(&reason, ERROR_BYTES))
}

/// Returns the error of a call that exceeded its deadline.
pub(crate) fn timed_out(exceeded: &DeadlineExceeded) -> CallError {
    match *exceeded {
        DeadlineExceeded::Cpu { used, limit } => CallError::CpuTime { used, limit },
        DeadlineExceeded::Wall { took, limit } => CallError::WallTime { took, limit },
    }
}
