//! The author's commands for components: `insightctl transform new`, `build`, `test` and `inspect`.

mod advice;
mod build;
mod capture;
mod find;
mod golden;
mod inspect;
mod largest;
mod names;
mod new;
mod sdk;
mod strip;
mod watch;

use std::path::Path;

use anyhow::Context;
use insightd_sandbox::{CallLimits, Compiler, Component, Sandbox};

use crate::progress::Spinner;
use insightd::error::Usage;
use insightd::output;
use insightd_pipeline::library;

pub(crate) use build::build;
pub(crate) use golden::{Options, test};
pub(crate) use new::{New, new};
pub(crate) use watch::watch;

/// `insightctl transform inspect`: prints the properties of a component.
///
/// # Errors
/// [`Usage`] if the file cannot be read or is not a component; an error if the agent cannot load it, after its outer properties were printed.
pub(crate) fn inspect(file: &Path) -> anyhow::Result<()> {
    let wasm = read(file)?;
    let outline = inspect::outline(&wasm).map_err(|error| Usage(format!("{}: {error}", file.display())))?;
    output::print(inspect::outside(file, &wasm, &outline));
    if !advice::has_world(&outline) {
        anyhow::bail!("{}: {}", file.display(), advice::NO_WORLD);
    }
    let component = load(file, &wasm)?;
    output::print(inspect::inside(&component));
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, Usage> {
    library::read(file).map_err(|error| Usage(format!("{}: {error}", file.display())))
}

/// Compiles and loads a component as the agent does.
fn load(file: &Path, wasm: &[u8]) -> anyhow::Result<Component> {
    let _spinner = Spinner::new("compiling the component as the agent does");
    let compiler = Compiler::new(library::compiler_beside());
    let native = compiler.compile(wasm).with_context(|| file.display().to_string())?;
    let sandbox = Sandbox::new(CallLimits::default())?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    Ok(sandbox.load(&name, &native)?)
}
