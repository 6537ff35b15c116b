//! Finding the components that a configuration names.
//!
//! `builtin:NAME` is the embedded one, `file:NAME` is `NAME.wasm` in the folder of transforms, compiled by the child; or, where
//! the content is that of the built-in of this name, that one, which is compiled already. Where a file cannot be used when the agent
//! starts the built-in of that name runs in its place, and that is an error in the log, not a detail.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use insightd_folder::ReadError;
use insightd_sandbox::{CallError, CompileError, Compiler, Component, Kind, Limits, LoadError, Sandbox};

use crate::builtins;
use crate::config::{self, Origin, Problem, Sha256};
use crate::rollout::Files;

/// Largest file of a component: no compiler takes more.
pub const MAX_BYTES: u64 = 4 << 20;

/// Largest file of a text that a component is configured with.
const MAX_TEXT_BYTES: u64 = 256 << 10;

/// Components by name. Each content is compiled once.
#[derive(Debug)]
pub struct Library {
    sandbox: Sandbox,
    folder: PathBuf,
    compiler: Compiler,
    /// What the folder's files hold, as they were read.
    files: Files,
    compiled: HashMap<(String, Sha256), Compiled>,
    /// Counts [`Library::offer`].
    generation: u64,
    builtins: HashMap<&'static str, Component>,
}

#[derive(Debug)]
struct Compiled {
    component: Component,
    /// The last in which it was asked for.
    generation: u64,
}

/// What was found for one place in a pipeline.
#[derive(Debug)]
pub struct Found {
    /// What runs there; `None` when nothing can.
    pub component: Option<Component>,
    /// The built-in of that name, which takes over on failure.
    pub builtin: Option<Component>,
    /// Why it is not what was asked for, or does not take its configuration.
    pub problems: Vec<Problem>,
    /// True where the problem is that its file, or the content that is pinned, is not there: it may be on its way, since a
    /// configuration and a folder of components are two mounts.
    pub is_awaited: bool,
}

/// Why the file of a component is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// There is none. It may be on its way.
    #[error("{}", ReadError::Missing)]
    Missing,
    /// There is something that cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl From<ReadError> for FileError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Missing => Self::Missing,
            error => Self::Unusable(error.to_string()),
        }
    }
}

/// Why a component cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LibraryError {
    /// No built-in has this name.
    #[error("there is no built-in `{name}`; there are: {known}")]
    NoBuiltin {
        /// The name.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// It is in the agent, but damaged.
    #[error(
        "the built-in `{name}` cannot be unpacked ({error}): the agent's file is damaged; install it anew"
    )]
    Packed {
        /// The name.
        name: String,
        /// Why.
        error: String,
    },
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: FileError,
    },
    /// The content is not the one that was pinned.
    #[error("{what} is refused: its SHA-256 is {found}, the configuration wants {wanted}")]
    Hash {
        /// Which component.
        what: String,
        /// What it is.
        found: Sha256,
        /// What is wanted.
        wanted: Sha256,
    },
    /// It does not compile.
    #[error("{}: {error}", path.display())]
    Compile {
        /// The file.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// It does not fit the contract or the agent.
    #[error("{0}")]
    Load(String),
    /// A transform where a formatter is wanted, or the other way round.
    #[error("{what} is a {found}, here a {wanted} is wanted")]
    Kind {
        /// Which component.
        what: String,
        /// What it is.
        found: Kind,
        /// What is wanted.
        wanted: Kind,
    },
}

/// What `Compiler` and `Sandbox` say, of a file.
fn compile_error(path: &Path) -> impl Fn(CompileError) -> LibraryError {
    move |error| LibraryError::Compile { path: path.into(), error: error.to_string() }
}

impl From<LoadError> for LibraryError {
    fn from(error: LoadError) -> Self {
        Self::Load(error.to_string())
    }
}

/// The compiler that belongs to this program: the one beside it.
pub fn compiler_beside() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    this.with_file_name("insightd-compile")
}

impl Library {
    /// A library over files that were read in `folder`, which is named in messages; there are always built-ins.
    pub fn new(sandbox: Sandbox, folder: Option<PathBuf>, files: Files, compiler: Compiler) -> Self {
        let folder = folder.unwrap_or_default();
        let (compiled, builtins) = (HashMap::new(), HashMap::new());
        Self { sandbox, folder, compiler, files, compiled, generation: 0, builtins }
    }

    /// The bounds of every call of its components.
    pub fn limits(&self) -> &Limits {
        self.sandbox.limits()
    }

    /// Other files take the place of those that were there. What was compiled and is not asked for again before the time
    /// after next is let go.
    pub fn offer(&mut self, files: Files) {
        self.files = files;
        self.generation += 1;
        let oldest = self.generation.saturating_sub(2);
        self.compiled.retain(|_, compiled| compiled.generation >= oldest);
    }

    /// Returns true where this content of a file is used: it became a component, or is a text that one is configured with.
    pub fn knows(&self, file: &str, content: &[u8]) -> bool {
        let Some(name) = component_of(file) else { return true };
        let sha256 = Sha256::of(content);
        self.compiled.contains_key(&(name.to_owned(), sha256))
            || self.builtins.get(name).is_some_and(|builtin| *builtin.sha256() == sha256.0)
    }

    /// Lets go of what the files hold; what was made of it stays.
    pub fn forget_files(&mut self) {
        self.files.clear();
    }

    /// Finds what a configuration asks for, for a place of this kind.
    pub fn find(&mut self, wanted: &config::Component, kind: Kind) -> Found {
        let mut found = self.component(wanted, kind);
        let unread =
            wanted.texts.iter().filter_map(|text| Some((text, self.files.get(&text.name)?.as_ref().err()?)));
        let unread: Vec<_> =
            unread.map(|(text, error)| (error.clone(), unread_text(&self.folder, text, error))).collect();
        if !unread.is_empty() {
            // Without its text a component does something else than is wanted, whether it takes the rest or not.
            found.component = None;
            found.is_awaited = unread.iter().all(|(error, _)| *error == FileError::Missing);
            found.problems = unread.into_iter().map(|(_, problem)| problem).collect();
        }
        found
    }

    fn component(&mut self, wanted: &config::Component, kind: Kind) -> Found {
        let builtin = match self.builtin(&wanted.name) {
            Ok(component) => component,
            Err(error) => {
                let problems = vec![problem(wanted, &error)];
                return Found { component: None, builtin: None, problems, is_awaited: false };
            }
        };
        let asked = match wanted.origin {
            Origin::Builtin => builtin.clone().ok_or_else(|| LibraryError::NoBuiltin {
                name: wanted.name.clone(),
                known: builtins::names().collect::<Vec<_>>().join(", "),
            }),
            Origin::File => self.file(&wanted.name, wanted.sha256),
        };
        let asked = asked.and_then(|component| fits(wanted, kind, component));
        let builtin = builtin.filter(|builtin| builtin.kind() == kind);
        let is_missing = |error: &LibraryError| {
            matches!(error, LibraryError::Hash { .. } | LibraryError::Read { error: FileError::Missing, .. })
        };
        let is_awaited = wanted.origin == Origin::File && asked.as_ref().is_err_and(is_missing);
        let (mut component, mut problems) = match asked {
            Ok(component) => (Some(component), Vec::new()),
            Err(error) => (None, vec![problem(wanted, &error)]),
        };
        if let Some(asked) = &component
            && let Err(error) = asked.check_config(&wanted.settings.text)
        {
            problems.extend(config_problems(wanted, &error));
            component = None;
        }
        if component.is_none() && wanted.origin == Origin::File {
            component = builtin.clone().filter(|builtin| builtin.check_config(&wanted.settings.text).is_ok());
        }
        Found { component, builtin, problems, is_awaited }
    }

    /// The built-in of this name, if there is one.
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
        let path = self.folder.join(&file);
        let missing = Err(FileError::Unusable("was not read: the configuration did not name it".to_owned()));
        let wasm = self.files.get(&file).cloned().unwrap_or(missing);
        let wasm = wasm.map_err(|error| LibraryError::Read { path: path.clone(), error })?;
        // Before anything looks at what is inside.
        let found = Sha256::of(&wasm);
        if let Some(wanted) = pinned.filter(|wanted| *wanted != found) {
            return Err(LibraryError::Hash { what: path.display().to_string(), found, wanted });
        }
        // The shipped one, from a file: it is there already, as native code that nobody has to compile or hold twice.
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
        // What failed may have failed for want of memory: it is tried again whenever it is asked for.
        let component = self.compile(&path, name, &wasm)?;
        self.compiled.insert(key, Compiled { component: component.clone(), generation });
        Ok(component)
    }

    fn compile(&self, path: &Path, name: &str, wasm: &[u8]) -> Result<Component, LibraryError> {
        let native = self.compiler.compile(wasm).map_err(compile_error(path))?;
        Ok(self.sandbox.load(&format!("file:{name}"), &native)?)
    }
}

/// Reads a component; larger than any that the compiler takes, it is not read at all.
///
/// # Errors
/// Why it cannot be.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    Ok(insightd_folder::read_regular(path, MAX_BYTES)?)
}

/// Reads a file of this name in a directory of components; a link that leads out of it is not followed.
///
/// # Errors
/// As [`read`].
pub fn read_in(folder: &Path, file: &str) -> Result<Vec<u8>, FileError> {
    Ok(insightd_folder::read_beneath(folder, file, max_bytes(file))?)
}

/// Largest file of this name: a component, or a text that one is configured with.
pub fn max_bytes(file: &str) -> u64 {
    if component_of(file).is_some() { MAX_BYTES } else { MAX_TEXT_BYTES }
}

/// The file of a component.
pub fn file_of(name: &str) -> String {
    format!("{name}.wasm")
}

/// The component that a file is.
pub fn component_of(file: &str) -> Option<&str> {
    file.strip_suffix(".wasm")
}

/// Whether it is of the right kind and the pinned content.
fn fits(wanted: &config::Component, kind: Kind, component: Component) -> Result<Component, LibraryError> {
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

fn problem(wanted: &config::Component, error: &LibraryError) -> Problem {
    let key = if matches!(error, LibraryError::Hash { .. }) { "sha256" } else { "use" };
    Problem { at: wanted.settings.at, path: format!("{}.{key}", wanted.path), message: error.to_string() }
}

fn unread_text(folder: &Path, text: &config::TextFile, error: &FileError) -> Problem {
    let message = format!("{}: {error}", folder.join(&text.name).display());
    Problem { at: Some(text.at), path: text.path.clone(), message }
}

/// A component that reads a text of several lines begins a message with the place: `line 3, column 7: …`.
fn place_in_text(message: &str) -> Option<(usize, usize, &str)> {
    let (line, rest) = message.strip_prefix("line ")?.split_once(", column ")?;
    let (column, rest) = rest.split_once(": ")?;
    Some((line.parse().ok()?, column.parse().ok()?, rest))
}

/// A problem of a text in a file of its own: that file's line and column.
fn in_text(text: &config::TextFile, message: &str) -> Problem {
    let message = match place_in_text(message) {
        Some((line, column, message)) => format!("{}:{line}:{column}: {message}", text.name),
        None => format!("{}: {message}", text.name),
    };
    Problem { at: Some(text.at), path: text.path.clone(), message }
}

/// A component reports its problems one a line, each as `KEY: what is wrong`; each gets the place of its key.
fn config_problems(wanted: &config::Component, error: &CallError) -> Vec<Problem> {
    let path = format!("{}.config", wanted.path);
    let CallError::Config(text) = error else {
        let message = format!("{wanted} cannot take its configuration: it {error}");
        return vec![Problem { at: wanted.settings.position(""), path, message }];
    };
    let place = |line: &str| {
        let (key, message) = line.split_once(": ").unwrap_or(("", line));
        match key.is_empty() || key.contains(' ') {
            true => Problem { at: wanted.settings.position(""), path: path.clone(), message: line.into() },
            false => {
                if let Some(text) = wanted.texts.iter().find(|text| text.key == key) {
                    return in_text(text, message);
                }
                let path = format!("{path}.{key}");
                let within = place_in_text(message).and_then(|(line, column, message)| {
                    Some((wanted.settings.within(key, line, column)?, message))
                });
                match within {
                    Some((at, message)) => Problem { at: Some(at), path, message: message.into() },
                    None => Problem { at: wanted.settings.position(key), path, message: message.into() },
                }
            }
        }
    };
    // One more than are shown, so that the report says that there are more.
    text.lines().take(config::MAX_PROBLEMS + 1).map(place).collect()
}
