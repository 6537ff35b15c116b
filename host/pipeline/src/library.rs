//! The component library: finds the components that a configuration names.
//!
//! `builtin:NAME` is the embedded component. `file:NAME` is `NAME.wasm` in `transforms_dir`, compiled by the compiler
//! process; a file with the content of the built-in of that name uses the built-in, which is compiled already. If a
//! file cannot be used when the agent starts, the built-in of that name runs instead, and the log has an error.

mod error;
mod problems;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use insightd_sandbox::{CallLimits, Compiler, Component, Kind, Sandbox, engine};

use crate::builtins;
use crate::problem::Problem;
use crate::sha256::Sha256;
use crate::spec::{ComponentSpec, Origin};
use error::compile_error;
pub use error::{FileError, LibraryError};
use problems::{config_problems, problem, unread_text};

/// Content of the files that pipelines name, components and texts, by file name; or the reason why a file cannot be read.
pub type Files = BTreeMap<String, Result<Arc<[u8]>, FileError>>;

/// Largest component file, bytes; the compiler accepts no larger one.
pub const MAX_BYTES: u64 = 4 << 20;

/// Largest text file that a component is configured with, bytes.
const MAX_TEXT_BYTES: u64 = 256 << 10;

/// The component library. Compiles each content once.
#[derive(Debug)]
pub struct Library {
    sandbox: Sandbox,
    directory: PathBuf,
    compiler: Compiler,
    /// Contents of the files of the directory, or why each could not be read.
    files: Files,
    compiled: HashMap<(String, Sha256), Compiled>,
    /// Number of calls of [`Library::set_files`].
    generation: u64,
    builtins: HashMap<&'static str, Component>,
}

#[derive(Debug)]
struct Compiled {
    component: Component,
    /// The last generation in which it was requested.
    generation: u64,
}

/// The result of a look-up for one slot in a pipeline.
#[derive(Debug)]
pub struct Found {
    /// The component to run; `None` if there is none that can.
    pub component: Option<Component>,
    /// The built-in of that name, which takes over on failure.
    pub builtin: Option<Component>,
    /// Reasons that the component is not the configured one, or rejects its configuration.
    pub problems: Vec<Problem>,
    /// `true` if the only problem is a missing file, or a file without the pinned content. It may still arrive, since
    /// the configuration and the directory of components are two mounts.
    pub is_awaited: bool,
}

/// Returns the path of the compiler beside the agent's executable.
pub fn compiler_beside() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    this.with_file_name("insightd-compile")
}

/// Returns `value`; fails the build of a program that runs pipelines and contains a compiler, which only the compiler process may.
///
/// Generic, because constants of a generic function are evaluated for generated code only: `cargo check --workspace`, which editors run,
/// still works.
fn without_compiler<T>(value: T) -> T {
    const {
        assert!(
            !engine::HAS_COMPILER,
            "this build would put a compiler into the agent: build insightd-compile separately, and the rest with \
             `--workspace --exclude insightd-compile` (docs/decisions/038)"
        )
    }
    value
}

impl Library {
    /// Creates a library over files that were read from `directory`, which is named in messages. The built-ins are always available.
    pub fn new(sandbox: Sandbox, directory: Option<PathBuf>, files: Files, compiler: Compiler) -> Self {
        let directory = directory.unwrap_or_default();
        let (compiled, builtins) = (HashMap::new(), HashMap::new());
        without_compiler(Self { sandbox, directory, compiler, files, compiled, generation: 0, builtins })
    }

    /// Returns the bounds of every call of its components.
    pub fn limits(&self) -> &CallLimits {
        self.sandbox.limits()
    }

    /// Replaces the files. Drops compiled components that were not requested in either of the last two generations.
    pub fn set_files(&mut self, files: Files) {
        self.files = files;
        self.generation += 1;
        let oldest = self.generation.saturating_sub(2);
        self.compiled.retain(|_, compiled| compiled.generation >= oldest);
    }

    /// Returns true if this content of a file is in use: it became a component, or it is a text that a component is
    /// configured with.
    pub fn uses(&self, file: &str, content: &[u8]) -> bool {
        let Some(name) = component_of(file) else { return true };
        let sha256 = Sha256::of(content);
        self.compiled.contains_key(&(name.to_owned(), sha256))
            || self.builtins.get(name).is_some_and(|builtin| *builtin.sha256() == sha256.0)
    }

    /// Drops the contents of the files and keeps the components compiled from them.
    pub fn forget_files(&mut self) {
        self.files.clear();
    }

    /// Finds the component that a configuration names, for a slot of this kind.
    pub fn find(&mut self, wanted: &ComponentSpec, kind: Kind) -> Found {
        let mut found = self.component(wanted, kind);
        let unread =
            wanted.texts.iter().filter_map(|text| Some((text, self.files.get(&text.name)?.as_ref().err()?)));
        let unread: Vec<_> =
            unread.map(|(text, error)| (error.clone(), unread_text(&self.directory, text, error))).collect();
        if !unread.is_empty() {
            // Without its text a component would do something else than intended, even if it accepts the rest of its
            // configuration.
            found.component = None;
            found.is_awaited = unread.iter().all(|(error, _)| *error == FileError::Missing);
            found.problems = unread.into_iter().map(|(_, problem)| problem).collect();
        }
        found
    }

    fn component(&mut self, wanted: &ComponentSpec, kind: Kind) -> Found {
        let builtin = match self.builtin(&wanted.name) {
            Ok(component) => component,
            Err(error) => {
                let problems = vec![problem(wanted, &error)];
                return Found { component: None, builtin: None, problems, is_awaited: false };
            }
        };
        let requested = match wanted.origin {
            Origin::Builtin => builtin.clone().ok_or_else(|| LibraryError::no_builtin(&wanted.name)),
            Origin::File => self.file(&wanted.name, wanted.sha256),
        };
        let requested = requested.and_then(|component| fits(wanted, kind, component));
        let builtin = builtin.filter(|builtin| builtin.kind() == kind);
        let is_missing = |error: &LibraryError| {
            matches!(error, LibraryError::Hash { .. } | LibraryError::Read { error: FileError::Missing, .. })
        };
        let is_awaited = wanted.origin == Origin::File && requested.as_ref().is_err_and(is_missing);
        let (mut component, mut problems) = match requested {
            Ok(component) => (Some(component), Vec::new()),
            Err(error) => (None, vec![problem(wanted, &error)]),
        };
        if let Some(requested) = &component
            && let Err(error) = requested.check_config(&wanted.config.text)
        {
            problems.extend(config_problems(wanted, &error));
            component = None;
        }
        if component.is_none() && wanted.origin == Origin::File {
            component = builtin.clone().filter(|builtin| builtin.check_config(&wanted.config.text).is_ok());
        }
        Found { component, builtin, problems, is_awaited }
    }

    /// Returns the built-in of this name, `None` if there is none.
    fn builtin(&mut self, name: &str) -> Result<Option<Component>, LibraryError> {
        let Some(builtin) = builtins::find(name) else { return Ok(None) };
        if let Some(component) = self.builtins.get(builtin.name) {
            return Ok(Some(component.clone()));
        }
        let code = builtin
            .native_code()
            .map_err(|error| LibraryError::Packed { name: name.into(), error: error.to_string() })?;
        let component = self.sandbox.load(&format!("builtin:{name}"), &code)?;
        self.builtins.insert(builtin.name, component.clone());
        Ok(Some(component))
    }

    fn file(&mut self, name: &str, pinned: Option<Sha256>) -> Result<Component, LibraryError> {
        let file = file_of(name);
        let path = self.directory.join(&file);
        let missing = Err(FileError::Unusable("not read: the configuration did not refer to it".to_owned()));
        let wasm = self.files.get(&file).cloned().unwrap_or(missing);
        let wasm = wasm.map_err(|error| LibraryError::Read { path: path.clone(), error })?;
        // Checks the pin before anything parses the content.
        let found = Sha256::of(&wasm);
        if let Some(wanted) = pinned.filter(|wanted| *wanted != found) {
            return Err(LibraryError::Hash { what: path.display().to_string(), found, wanted });
        }
        // A file with the content of the built-in: the native code is embedded, so it is neither compiled nor held twice.
        if let Some(builtin) = self.builtin(name)?
            && *builtin.sha256() == found.0
        {
            return Ok(builtin);
        }
        let generation = self.generation;
        let key = (name.to_owned(), found);
        if let Some(known) = self.compiled.get_mut(&key) {
            known.generation = generation;
            return Ok(known.component.clone());
        }
        // Failures are not cached: a lack of memory may have caused one, so every request tries again.
        let component = self.compile(&path, name, &wasm)?;
        self.compiled.insert(key, Compiled { component: component.clone(), generation });
        Ok(component)
    }

    fn compile(&self, path: &Path, name: &str, wasm: &[u8]) -> Result<Component, LibraryError> {
        let native = self.compiler.compile(wasm).map_err(compile_error(path))?;
        Ok(self.sandbox.load(&format!("file:{name}"), &native)?)
    }
}

/// Reads the file of a component. A file larger than [`MAX_BYTES`] is not read.
///
/// # Errors
/// Fails if the file is missing, too large, not a regular file or cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    Ok(insightd_files::read_regular(path, MAX_BYTES)?)
}

/// Reads a file of this name in the directory of components. Symbolic links are followed only within the directory.
///
/// # Errors
/// Fails as [`read`] does.
pub fn read_in(directory: &Path, file: &str) -> Result<Vec<u8>, FileError> {
    Ok(insightd_files::read_beneath(directory, file, max_bytes(file))?)
}

/// Returns the size limit of a file of this name: a component, or a text that a component is configured with.
pub fn max_bytes(file: &str) -> u64 {
    if component_of(file).is_some() { MAX_BYTES } else { MAX_TEXT_BYTES }
}

/// Returns the file name of a component.
pub fn file_of(name: &str) -> String {
    format!("{name}.wasm")
}

/// Returns the component that a file holds; `None` for a text.
pub fn component_of(file: &str) -> Option<&str> {
    file.strip_suffix(".wasm")
}

/// Checks that a component has the required kind and the pinned content.
fn fits(wanted: &ComponentSpec, kind: Kind, component: Component) -> Result<Component, LibraryError> {
    let found = Sha256(*component.sha256());
    if let Some(pinned) = wanted.sha256.filter(|pinned| *pinned != found) {
        return Err(LibraryError::Hash { what: wanted.to_string(), found, wanted: pinned });
    }
    if component.kind() != kind {
        let (what, found) = (wanted.to_string(), component.kind());
        return Err(LibraryError::Kind { what, found, wanted: kind });
    }
    Ok(component)
}
