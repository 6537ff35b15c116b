//! The directory of the store: one file that is replaced as a whole.

use std::io::{self, BufWriter, Read};

use insightd_files::{DirError, OwnedDir, PrivateDir, Quarantine};

use crate::format::{self, Spaces};
use crate::settings::Settings;
use crate::space::SpaceId;

const FILE: &str = "state";
/// Name of the file while it is being written.
const NEW: &str = "state.new";
/// Size limit in bytes; a larger file is damaged, and is not read into memory.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// The locked directory of a store.
#[derive(Debug)]
pub(crate) struct Disk {
    directory: OwnedDir,
    quarantine: Quarantine,
    sync: bool,
}

/// State loaded from the directory.
#[derive(Debug, Default)]
pub(crate) struct LoadedState {
    pub(crate) spaces: Spaces,
    pub(crate) quarantined: u64,
}

/// Returns the ids of the last written spaces in a directory that another process may own. A missing file is an empty list.
///
/// # Errors
/// Fails if the file cannot be read or is not a valid state file.
pub fn spaces(directory: &PrivateDir) -> Result<Vec<SpaceId>, DirError> {
    let Some(bytes) = directory.read(FILE, MAX_FILE_BYTES)? else { return Ok(Vec::new()) };
    let spaces = format::read(&bytes)
        .map_err(|why| DirError::Unusable { path: directory.path_of(FILE), problem: why.to_string() })?;
    Ok(spaces.into_keys().collect())
}

impl Disk {
    /// Opens and locks the directory, and loads its state.
    pub(crate) fn open(settings: &Settings) -> Result<(Self, LoadedState), DirError> {
        let directory = OwnedDir::open(&settings.directory)?;
        let quarantine = Quarantine::open(&directory, "state", (settings.max_bytes / 8).max(1 << 20));
        let mut disk = Self { directory, quarantine, sync: settings.sync };
        // A process that died during a write leaves this file behind.
        disk.directory.remove(NEW).map_err(|errno| disk.directory.io_error(NEW, "delete", errno))?;
        let found = disk.load()?;
        Ok((disk, found))
    }

    fn load(&mut self) -> Result<LoadedState, DirError> {
        let names =
            self.directory.names().map_err(|errno| self.directory.io_error("", "list directory", errno))?;
        if !names.iter().any(|name| name == FILE) {
            return Ok(LoadedState::default());
        }
        let file = self.directory.open_to_read(FILE)?;
        let failed = |error: io::Error| self.directory.io_error(FILE, "read", error);
        let length = file.metadata().map_err(failed)?.len();
        let mut bytes = Vec::new();
        if length <= MAX_FILE_BYTES {
            file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        }
        match format::read(&bytes) {
            Ok(spaces) => Ok(LoadedState { spaces, quarantined: 0 }),
            Err(why) => {
                self.quarantine.take(
                    &self.directory,
                    FILE,
                    length,
                    &format!("{why}; starting with empty state"),
                )?;
                Ok(LoadedState { spaces: Spaces::new(), quarantined: 1 })
            }
        }
    }

    /// Replaces the state file. On failure the previous one stays.
    pub(crate) fn write(&mut self, spaces: &Spaces) -> Result<(), DirError> {
        self.directory.check_ownership()?;
        let result = self.write_new(spaces);
        if result.is_err() {
            // Frees the space of the partial file, for example on a full disk.
            let _ = self.directory.remove(NEW);
        }
        result
    }

    fn write_new(&self, spaces: &Spaces) -> Result<(), DirError> {
        let directory = &self.directory;
        directory.remove(NEW).map_err(|errno| directory.io_error(NEW, "delete", errno))?;
        let file = directory.create(NEW).map_err(|errno| directory.io_error(NEW, "create", errno))?;
        let written = format::write(spaces, BufWriter::with_capacity(64 << 10, &file));
        let written = written.and_then(|()| if self.sync { file.sync_data() } else { Ok(()) });
        written.map_err(|error| directory.io_error(NEW, "write", error))?;
        directory.replace(FILE, NEW).map_err(|errno| directory.io_error(FILE, "replace", errno))?;
        if self.sync {
            directory.sync().map_err(|errno| directory.io_error("", "sync directory", errno))?;
        }
        Ok(())
    }
}
