//! The two traits that component authors implement.

use alloc::string::String;

use crate::about::About;
use crate::settings::{ConfigError, Settings};
use crate::{Batch, Limits, Payloads};

/// A stage of a chain: adds, drops, renames, computes, relabels. Export it with
/// [`export_transform!`](crate::export_transform).
///
/// An instance lives for one call: it is configured, processes one batch and is dropped. Its memory does not survive to
/// the next tick.
pub trait Transform: Sized {
    /// Self-description of the transform.
    const ABOUT: About;

    /// Reads the configuration that the operator wrote; `settings` is an empty object if there is none. The caller reports
    /// keys that were not read and values of a wrong type, all at once.
    ///
    /// # Errors
    /// Problems other than types; [`Settings::problem`] reports them together with all others.
    fn configure(settings: &mut Settings) -> Result<Self, ConfigError>;

    /// Edits the batch of one scope at one time. Called once.
    ///
    /// # Errors
    /// The reason why the whole batch cannot be processed. A problem with one entity should cost only that entity: log it
    /// and continue.
    fn process(&self, batch: &Batch) -> Result<(), String>;

    /// Entry point for components and golden cases. Override it for a transform that must own its batch, such as one that
    /// hands it to an embedded interpreter; all others implement only [`Transform::process`].
    ///
    /// # Errors
    /// Same as [`Transform::process`].
    fn process_owned(&self, batch: Batch) -> Result<Batch, String> {
        self.process(&batch)?;
        Ok(batch)
    }
}

/// The last stage of a chain: turns a batch into bytes. Export it with [`export_formatter!`](crate::export_formatter).
pub trait Formatter: Sized {
    /// Self-description of the formatter.
    const ABOUT: About;

    /// Reads the configuration; same as [`Transform::configure`].
    ///
    /// # Errors
    /// Same as [`Transform::configure`].
    fn configure(settings: &mut Settings) -> Result<Self, ConfigError>;

    /// Formats a slice of a batch: at most 512 entities and all descriptors (entities of kind `metric`). Parents outside
    /// of the slice are missing, so an entity must carry everything that its event needs.
    ///
    /// # Errors
    /// The reason why nothing can be formatted.
    fn format(&self, batch: &Batch, limits: &Limits) -> Result<Payloads, String>;
}

/// Creates a component from the text of its configuration. All problems are reported at once.
///
/// # Errors
/// Text that is not a JSON object, keys that were not read, values of a wrong type, and the error of `configure`.
pub fn configure<T>(
    text: &str,
    configure: impl FnOnce(&mut Settings) -> Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    let mut settings = Settings::parse(text)?;
    let made = configure(&mut settings);
    match (made, settings.finish()) {
        (Ok(made), Ok(())) => Ok(made),
        (Err(error), Ok(())) | (Ok(_), Err(error)) => Err(error),
        (Err(mut error), Err(rest)) => {
            error.join(rest);
            Err(error)
        }
    }
}
