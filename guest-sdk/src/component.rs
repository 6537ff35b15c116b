//! The two things an author can write.

use alloc::string::String;

use crate::about::About;
use crate::batch::Batch;
use crate::payloads::{Limits, Payloads};
use crate::settings::{ConfigError, Settings};

/// A stage of a chain: adds, drops, renames, computes, relabels. Export it with
/// [`export_transform!`](crate::export_transform).
///
/// An instance lives for one call: it is configured, processes one batch and is dropped. Whatever it keeps in memory is
/// gone at the next tick.
pub trait Transform: Sized {
    /// Who it is.
    const ABOUT: About;

    /// Takes the configuration that the operator wrote; an empty object where none was written. Keys that were not
    /// asked for and values of a wrong type are reported by the caller, all at once.
    ///
    /// # Errors
    /// What is wrong beyond types; [`Settings::problem`] reports it together with everything else.
    fn configure(settings: &mut Settings) -> Result<Self, ConfigError>;

    /// Edits the batch of one scope at one time. Called once.
    ///
    /// # Errors
    /// Why the batch cannot be processed at all. What is wrong with one entity should cost only that entity: log it and
    /// go on.
    fn process(&self, batch: &Batch) -> Result<(), String>;

    /// What components and golden cases call. A transform that must own its batch, such as one that hands it to an
    /// embedded interpreter, overrides this one; all others write [`Transform::process`] alone.
    ///
    /// # Errors
    /// As [`Transform::process`].
    fn process_owned(&self, batch: Batch) -> Result<Batch, String> {
        self.process(&batch)?;
        Ok(batch)
    }
}

/// The end of a chain: turns a batch into bytes. Export it with [`export_formatter!`](crate::export_formatter).
pub trait Formatter: Sized {
    /// Who it is.
    const ABOUT: About;

    /// As [`Transform::configure`].
    ///
    /// # Errors
    /// As [`Transform::configure`].
    fn configure(settings: &mut Settings) -> Result<Self, ConfigError>;

    /// Formats a slice of a batch: at most 512 entities and all descriptors (entities of kind `metric`). Parents outside
    /// of the slice are not there, so an entity must carry what its event needs.
    ///
    /// # Errors
    /// Why nothing can be formatted at all.
    fn format(&self, batch: &Batch, limits: &Limits) -> Result<Payloads, String>;
}

/// Makes a component from the text of its configuration. All problems are reported at once.
///
/// # Errors
/// Text that is no JSON object, keys that nothing asked for, values of a wrong type, and what `configure` itself says.
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
