//! Snapshots: the configuration and the files that its pipelines name, read at one moment.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use insightd_pipeline::bundle::{Generation, file_names, fill_in_texts, generation};
use insightd_pipeline::library::{self, FileError, Files};

use crate::config::Config;

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
    pub id: Generation,
}

impl Snapshot {
    /// Reads the files that a configuration names, from `directory` or its `transforms_dir`.
    pub fn new(text: String, config: Config, directory: Option<&Path>) -> Self {
        let directory =
            directory.map(PathBuf::from).or_else(|| config.transforms_dir.clone()).unwrap_or_default();
        Self::with(text, config, |name| library::read_in(&directory, name).map(Arc::from))
    }

    /// Reads the files that a configuration names, each with `read`.
    pub(super) fn with(
        text: String,
        mut config: Config,
        read: impl Fn(&str) -> Result<Arc<[u8]>, FileError>,
    ) -> Self {
        let mut files = Files::new();
        let mut left = MAX_BYTES;
        for name in file_names(&config.pipelines) {
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
        fill_in_texts(&mut config.pipelines, &mut files);
        let id = generation(&config.pipelines, &files);
        Self { text, config, files, id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn snapshot(directory: &Path, text: &str) -> Snapshot {
        let text = format!("transforms_dir: {}\n{text}", directory.display());
        let config = Config::parse(&text, None, &Environment::default()).unwrap();
        Snapshot::new(text, config, None)
    }

    #[test]
    fn equal_content_is_the_same_generation() {
        let directory = tempfile::tempdir().unwrap();
        let write = |bytes: &[u8]| std::fs::write(directory.path().join("a.wasm"), bytes).unwrap();
        let stage = "pipelines: [{name: p, scope: node, transforms: [{use: 'file:a'}], outputs: [{formatter: {use: 'builtin:emf'}, sink: stdout}]}]";
        write(b"one");
        let first = snapshot(directory.path(), stage);
        assert_eq!(first.files["a.wasm"].as_deref(), Ok(b"one".as_slice()));
        write(b"two");
        let other = snapshot(directory.path(), stage);
        assert_ne!(first.id, other.id);
        write(b"one");
        let again = snapshot(directory.path(), &format!("# a remark\ninterval: 5s\n{stage}"));
        assert_eq!(first.id, again.id);
        let configured = stage.replace("'file:a'}", "'file:a', config: {x: 1}}");
        assert_ne!(first.id, snapshot(directory.path(), &configured).id);
        std::fs::remove_file(directory.path().join("a.wasm")).unwrap();
        let gone = snapshot(directory.path(), stage);
        assert!(gone.files["a.wasm"].is_err() && gone.id != first.id);
    }

    #[test]
    fn texts_in_files_are_part_of_the_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let stage = "pipelines: [{name: p, scope: node, transforms: [{use: 'builtin:script', config: {kinds: [x]}, config_files: {program: a.rhai}}], outputs: [{formatter: {use: 'builtin:emf'}, sink: stdout}]}]";
        let write = |bytes: &[u8]| std::fs::write(directory.path().join("a.rhai"), bytes).unwrap();
        let settings =
            |snapshot: &Snapshot| snapshot.config.pipelines[0].transforms[0].component.config.text.clone();
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
