//! `insightctl transform new`: creates a crate that builds, with one golden case that it passes.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;

use super::{names, sdk};
use insightd::error::Usage;
use insightd::output;

/// Files of a new crate: the path in the crate, and the text with `{{…}}` placeholders.
type Templates = &'static [(&'static str, &'static str)];

const COMMON: Templates = &[
    ("Cargo.toml", include_str!("../../templates/Cargo.toml")),
    ("README.md", include_str!("../../templates/README.md")),
    (".gitignore", include_str!("../../templates/gitignore")),
];

const TRANSFORM: Templates = &[
    ("src/lib.rs", include_str!("../../templates/transform/lib.rs")),
    ("src/config.schema.json", include_str!("../../templates/transform/config.schema.json")),
    ("tests/golden.rs", include_str!("../../templates/transform/golden.rs")),
    ("tests/golden/first/config.json", include_str!("../../templates/transform/case/config.json")),
    ("tests/golden/first/batch.json", include_str!("../../templates/transform/case/batch.json")),
    ("tests/golden/first/expected.json", include_str!("../../templates/transform/case/expected.json")),
];

const FORMATTER: Templates = &[
    ("src/lib.rs", include_str!("../../templates/formatter/lib.rs")),
    ("src/config.schema.json", include_str!("../../templates/formatter/config.schema.json")),
    ("tests/golden.rs", include_str!("../../templates/formatter/golden.rs")),
    ("tests/golden/first/config.json", include_str!("../../templates/formatter/case/config.json")),
    ("tests/golden/first/batch.json", include_str!("../../templates/formatter/case/batch.json")),
    ("tests/golden/first/expected.events", include_str!("../../templates/formatter/case/expected.events")),
];

/// Directory of the SDK copy in a new crate.
const OWN_COPY: &str = "sdk";

/// The options of `insightctl transform new`.
#[derive(Debug)]
pub(crate) struct New<'a> {
    /// Name of the crate and of its directory.
    pub(crate) name: &'a str,
    /// `true` for a formatter, `false` for a transform.
    pub(crate) formatter: bool,
    /// The directory in which the crate's directory is created.
    pub(crate) parent: &'a Path,
    /// A checkout of insightd, or the SDK's crate; `None` puts a copy of the SDK into the crate.
    pub(crate) sdk: Option<&'a Path>,
}

/// Creates the crate.
///
/// # Errors
/// [`Usage`] if the name is invalid, the directory exists or there is no SDK; an error if a file cannot be written. An
/// incomplete crate is removed.
pub(crate) fn new(wanted: &New<'_>) -> anyhow::Result<()> {
    names::check(wanted.name).map_err(Usage)?;
    let parent = wanted.parent.canonicalize();
    let parent = parent.map_err(|error| Usage(format!("--in {}: {error}", wanted.parent.display())))?;
    let directory = parent.join(wanted.name);
    let sdk = wanted.sdk.map(|sdk| found_sdk(sdk, &directory)).transpose().map_err(Usage)?;
    fs::create_dir(&directory).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Usage(format!(
            "{} already exists: nothing was written; choose another name or --in",
            directory.display()
        )),
        _ => Usage(format!("cannot create {}: {error}", directory.display())),
    })?;
    if let Err(error) = fill(wanted, &directory, sdk.as_deref()) {
        // An incomplete crate would block the next attempt.
        let _ = fs::remove_dir_all(&directory);
        return Err(error);
    }
    let shown = wanted.parent.join(wanted.name);
    let shown = shown.strip_prefix(".").unwrap_or(&shown).display();
    output::line(format_args!("{shown}: a {} with one golden case. Next:", kind(wanted)));
    output::line(format_args!("  insightctl transform build {shown}"));
    output::line(format_args!("  insightctl transform test {shown}"));
    Ok(())
}

fn kind(wanted: &New<'_>) -> &'static str {
    if wanted.formatter { "formatter" } else { "transform" }
}

fn fill(wanted: &New<'_>, directory: &Path, sdk: Option<&Path>) -> anyhow::Result<()> {
    let own_copy = format!("{OWN_COPY}/guest-sdk");
    let krate = sdk.map_or(own_copy, |sdk| sdk.display().to_string());
    let guide = match sdk {
        Some(_) => String::new(),
        None => format!(
            "\n`{OWN_COPY}/` is a copy of insightd's SDK {}: the guide is in `{OWN_COPY}/docs/authors.md`, all raw names are in \
             `{OWN_COPY}/docs/raw-metrics.md`.\n",
            env!("CARGO_PKG_VERSION")
        ),
    };
    let values = [
        ("{{name}}", wanted.name),
        ("{{crate}}", &wanted.name.replace('-', "_")),
        ("{{kind}}", kind(wanted)),
        ("{{sdk}}", &krate),
        ("{{guide}}", &guide),
    ];
    for (path, text) in COMMON.iter().chain(if wanted.formatter { FORMATTER } else { TRANSFORM }) {
        let text = values.iter().fold((*text).to_owned(), |text, (key, value)| text.replace(key, value));
        write(&directory.join(path), &format!("{}\n", text.trim_end()))?;
    }
    if sdk.is_none() {
        for (path, text) in sdk::files()? {
            match &*path {
                sdk::LOCK => write(&directory.join(&path), &locked(wanted.name, &text))?,
                _ => write(&directory.join(OWN_COPY).join(&path), &text)?,
            }
        }
    }
    Ok(())
}

/// Returns the lock file of the crate, with the SDK's packages from the agent's own lock file, as Cargo would write it.
fn locked(name: &str, packages: &str) -> String {
    const PACKAGE: &str = "\n[[package]]\n";
    let own = format!("name = \"{name}\"\nversion = \"0.1.0\"\ndependencies = [\n \"insights-sdk\",\n]\n");
    let mut packages: Vec<&str> = packages.split(PACKAGE).skip(1).chain([&*own]).collect();
    packages.sort_unstable();
    let head = "# This file is automatically @generated by Cargo.\n# It is not intended for manual editing.\nversion = 4\n";
    packages.into_iter().fold(head.to_owned(), |text, package| text + PACKAGE + package)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Returns the path of the SDK's crate relative to `directory`; `given` is that crate or the checkout that contains it.
fn found_sdk(given: &Path, directory: &Path) -> Result<PathBuf, String> {
    let given_full = given.canonicalize().map_err(|error| format!("--sdk {}: {error}", given.display()))?;
    let places = [given_full.join("guest-sdk"), given_full];
    let is_sdk = |place: &&PathBuf| super::find::package_name(place).as_deref() == Some("insights-sdk");
    let Some(sdk) = places.iter().find(is_sdk) else {
        return Err(format!(
            "--sdk {}: neither a checkout of insightd (with guest-sdk/Cargo.toml) nor the crate `insights-sdk`",
            given.display()
        ));
    };
    Ok(relative(sdk, directory))
}

/// Returns `to` relative to the directory `from`; both must be free of `.`, `..` and symbolic links.
fn relative(to: &Path, from: &Path) -> PathBuf {
    let common = to.components().zip(from.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    up.chain(to.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative() {
        assert_eq!(relative(Path::new("/a/b/sdk"), Path::new("/a/x/y")), Path::new("../../b/sdk"));
        assert_eq!(relative(Path::new("/a/sdk"), Path::new("/a")), Path::new("sdk"));
    }
}
