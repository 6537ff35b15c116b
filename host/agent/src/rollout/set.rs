//! A bundle: pipelines and the components that they name, which are replaced together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Config, Environment, Origin, Pipeline as Wanted, Report, Sha256};
use crate::library::{self, FileError};
use crate::pipeline::Pipeline;

/// Generation of a bundle: the hash of its content. Equal content is the same generation, wherever it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetId(pub Sha256);

impl fmt::Display for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Source of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOrigin {
    /// The configuration file and its directory of components.
    Files,
    /// The built-in pipelines, without a file.
    Defaults,
    /// The last good bundle from the last-good store.
    Kept,
    /// A bundle from the last-good store that was on probation when the agent ended.
    Resumed,
}

impl SetOrigin {
    /// Returns the value for logs and status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Defaults => "defaults",
            Self::Kept => "last-good",
            Self::Resumed => "resumed-trial",
        }
    }
}

/// Content of the files that pipelines name, components and texts, by file name; or the reason why a file cannot be read.
pub type Files = BTreeMap<String, Result<Arc<[u8]>, FileError>>;

/// Maximum bytes of all files of a bundle together: they are in memory until they are compiled.
const MAX_BYTES: usize = 32 << 20;

/// Content of the files at one moment. Everything made of a snapshot is made of these bytes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Text of the configuration.
    pub text: String,
    /// The parsed configuration.
    pub config: Config,
    /// The files that its pipelines name. Texts are also in the configurations of their components.
    pub files: Files,
    /// Generation of its pipelines and components.
    pub id: SetId,
}

impl Snapshot {
    /// Reads the configuration, or the defaults if `file` is `None`, and the files that it names. `folder` overrides the `transforms_dir` of
    /// the configuration.
    ///
    /// # Errors
    /// The configuration cannot be read or is invalid. Errors of the other files are in [`files`](Self::files).
    pub fn read(
        file: Option<&Path>,
        folder: Option<&Path>,
        environment: &Environment,
    ) -> Result<Self, Report> {
        let (text, config) = match file {
            Some(file) => Config::read(file, environment)?,
            None => (String::new(), Config::parse("", None, environment)?),
        };
        Ok(Self::of(text, config, folder))
    }

    /// Reads the files that a configuration names, from `folder` or its `transforms_dir`.
    pub fn of(text: String, config: Config, folder: Option<&Path>) -> Self {
        let folder = folder.map(PathBuf::from).or_else(|| config.transforms_dir.clone()).unwrap_or_default();
        Self::with(text, config, |name| library::read_in(&folder, name).map(Arc::from))
    }

    /// Reads the files that a configuration names, each with `read`.
    pub(super) fn with(
        text: String,
        mut config: Config,
        read: impl Fn(&str) -> Result<Arc<[u8]>, FileError>,
    ) -> Self {
        let mut files = Files::new();
        let mut left = MAX_BYTES;
        for name in names(&config) {
            let content = read(&name).and_then(|content| match left.checked_sub(content.len()) {
                Some(rest) => {
                    left = rest;
                    Ok(content)
                }
                None => {
                    let limit = MAX_BYTES >> 20;
                    Err(FileError::Unusable(format!(
                        "ignored: the files of a bundle may have at most {limit} MiB in total"
                    )))
                }
            });
            files.insert(name, content);
        }
        fill_in(&mut config, &mut files);
        let id = id(&config.pipelines, &files);
        Self { text, config, files, id }
    }
}

/// Returns the names of the files that the pipelines of a configuration name.
pub(super) fn names(config: &Config) -> BTreeSet<String> {
    let components = || config.pipelines.iter().flat_map(Wanted::components);
    let files = components().filter(|component| component.origin == Origin::File);
    let texts = components().flat_map(|component| &component.texts);
    files
        .map(|component| library::file_of(&component.name))
        .chain(texts.map(|text| text.name.clone()))
        .collect()
}

/// Inserts texts into the configurations of the components that use them. A file that is not UTF-8 is marked unusable.
fn fill_in(config: &mut Config, files: &mut Files) {
    for component in config.pipelines.iter_mut().flat_map(Wanted::components_mut) {
        for wanted in &component.texts {
            let Some(Ok(bytes)) = files.get(&wanted.name) else { continue };
            match str::from_utf8(bytes) {
                Ok(text) => component.settings.set(&wanted.key, text.into()),
                Err(_) => {
                    let error = FileError::Unusable("is not valid UTF-8".to_owned());
                    files.insert(wanted.name.clone(), Err(error));
                }
            }
        }
    }
}

/// A bundle that is ready to run.
#[derive(Debug)]
pub struct Set {
    /// Its pipelines.
    pub pipelines: Vec<Pipeline>,
    /// Its generation.
    pub id: SetId,
    /// Its source.
    pub origin: SetOrigin,
    /// Length of its probation in ticks, during which it may be rolled back.
    pub trial_ticks: u32,
}

/// Returns the generation: a hash of everything that determines the events. Comments, key order and unrelated sections do not affect it.
pub(super) fn id(pipelines: &[Wanted], files: &Files) -> SetId {
    let mut text = String::new();
    let mut add = |part: &dyn fmt::Debug| {
        // The debug form quotes each part, so that two parts never merge into one.
        text.push_str(&format!("{part:?}\n"));
    };
    for pipeline in pipelines {
        add(&(&pipeline.name, pipeline.scope));
        for stage in &pipeline.transforms {
            add(&(stage.component.to_string(), &stage.component.settings.text, stage.on_failure));
            add(&(stage.component.state_bytes, stage.component.sha256));
        }
        for output in &pipeline.outputs {
            add(&(output.formatter.to_string(), &output.formatter.settings.text, &output.sink));
            add(&(output.formatter.state_bytes, output.formatter.sha256));
            add(&(&output.grants, output.max_bytes_per_tick, output.max_routes_per_tick));
        }
    }
    // Texts are hashed as part of the configuration of their component.
    for (name, content) in
        files.iter().filter_map(|(file, content)| Some((library::component_of(file)?, content)))
    {
        // The reason why a file cannot be read does not count: it may change from scan to scan.
        add(&(name, content.as_ref().map(|bytes| Sha256::of(bytes)).map_err(|_| ())));
    }
    // An unreadable text is in no configuration, but differs from a text that is not configured.
    for (name, _) in
        files.iter().filter(|(file, content)| library::component_of(file).is_none() && content.is_err())
    {
        add(&("unread", name));
    }
    SetId(Sha256::of(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(folder: &Path, text: &str) -> Snapshot {
        let text = format!("transforms_dir: {}\n{text}", folder.display());
        let config = Config::parse(&text, None, &Environment::default()).unwrap();
        Snapshot::of(text, config, None)
    }

    #[test]
    fn equal_content_is_one_set_and_any_change_another() {
        let folder = tempfile::tempdir().unwrap();
        let write = |bytes: &[u8]| std::fs::write(folder.path().join("a.wasm"), bytes).unwrap();
        let stage = "pipelines: [{name: p, scope: node, transforms: [{use: 'file:a'}], outputs: [{formatter: {use: 'builtin:emf'}, sink: stdout}]}]";
        write(b"one");
        let first = snapshot(folder.path(), stage);
        assert_eq!(first.files["a.wasm"].as_deref(), Ok(b"one".as_slice()));
        write(b"two");
        let other = snapshot(folder.path(), stage);
        assert_ne!(first.id, other.id);
        write(b"one");
        let again = snapshot(folder.path(), &format!("# a remark\ninterval: 5s\n{stage}"));
        assert_eq!(first.id, again.id);
        let configured = stage.replace("'file:a'}", "'file:a', config: {x: 1}}");
        assert_ne!(first.id, snapshot(folder.path(), &configured).id);
        std::fs::remove_file(folder.path().join("a.wasm")).unwrap();
        let gone = snapshot(folder.path(), stage);
        assert!(gone.files["a.wasm"].is_err() && gone.id != first.id);
    }

    #[test]
    fn a_text_in_a_file_is_part_of_its_components_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let stage = "pipelines: [{name: p, scope: node, transforms: [{use: 'builtin:script', config: {kinds: [x]}, config_files: {program: a.rhai}}], outputs: [{formatter: {use: 'builtin:emf'}, sink: stdout}]}]";
        let write = |bytes: &[u8]| std::fs::write(directory.path().join("a.rhai"), bytes).unwrap();
        let settings =
            |snapshot: &Snapshot| snapshot.config.pipelines[0].transforms[0].component.settings.text.clone();
        let missing = snapshot(directory.path(), stage);
        assert_eq!(missing.files["a.rhai"], Err(FileError::Missing));
        let without = snapshot(directory.path(), &stage.replace(", config_files: {program: a.rhai}", ""));
        assert_ne!(missing.id, without.id);
        write(b"let x = \"\n\";");
        let one = snapshot(directory.path(), stage);
        assert_eq!(settings(&one), r#"{"kinds":["x"],"program":"let x = \"\n\";"}"#);
        write(b"let x = 2;");
        let two = snapshot(directory.path(), stage);
        write(b"\xff");
        let no_text = snapshot(directory.path(), stage);
        assert_eq!(settings(&no_text), r#"{"kinds":["x"]}"#);
        assert!(no_text.files["a.rhai"].is_err());
        assert!(missing.id != one.id && one.id != two.id && two.id != missing.id);
        // The link leads out of the directory.
        std::fs::remove_file(directory.path().join("a.rhai")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", directory.path().join("a.rhai")).unwrap();
        assert!(matches!(&snapshot(directory.path(), stage).files["a.rhai"], Err(FileError::Unusable(_))));
        std::fs::remove_file(directory.path().join("a.rhai")).unwrap();
        write(&vec![b' '; (256 << 10) + 1]);
        assert!(matches!(&snapshot(directory.path(), stage).files["a.rhai"], Err(FileError::Unusable(_))));
    }
}
