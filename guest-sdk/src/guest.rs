//! Code that runs inside a component: bindings, helpers of the export macros and the runtime without `std`.

mod bindings;
mod convert;
#[cfg(not(feature = "std"))]
mod runtime;
mod slot;

use alloc::string::{String, ToString};

pub use bindings::{formatter, transform};
pub use slot::Slot;
pub use transform::insights::transform::types;

use crate::component::{self, Formatter, Transform};
use crate::settings::ConfigError;

/// Error of a call before `configure`; the host configures every instance first.
const NOT_CONFIGURED: &str = "the component was called before it was configured";

/// Implements `describe`.
pub fn describe(about: crate::About) -> types::Description {
    convert::description(about)
}

/// Implements `configure`.
///
/// # Errors
/// All problems of the configuration, one per line.
pub fn configure<T>(
    slot: &Slot<T>,
    text: &str,
    make: impl FnOnce(&mut crate::Settings) -> Result<T, ConfigError>,
) -> Result<(), String> {
    let component = component::configure(text, make).map_err(|error| error.into_text())?;
    slot.set(component);
    Ok(())
}

/// Implements `process`. The host checks the batch that it passes in ([`crate::Columns::check`]), so it is not checked again.
///
/// # Errors
/// The error of the component.
pub fn process<T: Transform>(slot: &Slot<T>, batch: types::Batch) -> Result<types::Batch, String> {
    let batch = crate::Batch::from_columns(convert::columns(batch));
    let answer = slot.with(|component| component.process_owned(batch));
    let batch = answer.unwrap_or_else(|| Err(NOT_CONFIGURED.to_string()))?;
    Ok(convert::batch(batch.into_columns()))
}

/// Implements `format`. The batch is checked by the host, as for [`process`].
///
/// # Errors
/// The error of the component.
pub fn format<T: Formatter>(
    slot: &Slot<T>,
    batch: types::Batch,
    limits: types::Limits,
) -> Result<types::Payloads, String> {
    let batch = crate::Batch::from_columns(convert::columns(batch));
    let limits = crate::Limits { max_event_bytes: limits.max_event_bytes };
    let answer = slot.with(|component| component.format(&batch, &limits));
    answer.unwrap_or_else(|| Err(NOT_CONFIGURED.to_string())).map(convert::payloads)
}

pub(crate) mod state {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::transform::insights::transform::state as host;

    pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
        host::get(key)
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), String> {
        host::set(key, value)
    }

    pub(crate) fn delete(key: &str) {
        host::delete(key);
    }

    pub(crate) fn keys(prefix: &str) -> Vec<String> {
        host::keys(prefix)
    }
}
