//! `insightctl transform build`: runs Cargo, and checks the resulting component.

mod cargo;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::largest::Largest;
use super::{advice, inspect, load, read, strip};
use insightd::error::Usage;
use insightd::output;

/// Builds the crate in `directory`, checks the component as the agent does, and prints its properties.
///
/// # Errors
/// [`Usage`] if there is no crate; otherwise an error about a missing tool, or about a crate that yields no valid component.
pub(crate) fn build(directory: &Path) -> anyhow::Result<()> {
    let Made { file, largest } = make(directory)?;
    let wasm = read(&file)?;
    let outline = inspect::outline(&wasm).with_context(|| file.display().to_string())?;
    output::print(inspect::outside(&file, &wasm, &outline));
    if !advice::has_world(&outline) {
        bail!("{}: {}", file.display(), advice::NO_WORLD);
    }
    let component = load(&file, &wasm)?;
    for warning in advice::warnings(&outline, wasm.len(), &largest) {
        output::message(format_args!("warning: {warning}"));
    }
    let description = component.description();
    if let Err(error) = serde_json::from_str::<serde_json::Value>(&description.config_schema) {
        output::message(format_args!("warning: the component's config_schema is not JSON: {error}"));
    }
    output::line(format_args!("ok        {} {} {}", component.kind(), description.name, description.version));
    Ok(())
}

/// A component that was built.
pub(super) struct Made {
    /// Path of the component, where `transform test` looks first.
    pub(super) file: PathBuf,
    /// Code size by crate, read before the names were stripped.
    largest: Largest,
}

/// Builds the crate and writes the component.
pub(super) fn make(directory: &Path) -> anyhow::Result<Made> {
    let unusable = |error| Usage(format!("{}: {error}", directory.display()));
    let full = directory.canonicalize().map_err(unusable)?;
    if !full.join("Cargo.toml").is_file() {
        let message = format!(
            "{}: not a crate (no Cargo.toml); create one with `insightctl transform new NAME`",
            directory.display()
        );
        return Err(Usage(message).into());
    }
    cargo::check_target(&full)?;
    let built = cargo::component(&full)?;
    let wasm = fs::read(&built).with_context(|| built.display().to_string())?;
    let largest = Largest::read(&wasm);
    let Some(wasm) = strip::strip(&wasm) else {
        bail!("{}: the file that Cargo built is not WebAssembly", built.display())
    };
    let name = full.file_name().unwrap_or_default();
    let made = full.join("target/transforms").join(name).with_added_extension("wasm");
    fs::create_dir_all(made.parent().unwrap_or(&full))
        .and_then(|()| fs::write(&made, wasm))
        .with_context(|| format!("cannot write {}", made.display()))?;
    Ok(Made { file: made, largest })
}
