//! `insightctl transform test --watch`: builds and tests again whenever the content of a file changes.

use insightd::output;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::golden::Options;
use super::{build, golden};

/// Interval between two scans. A scan reads names, sizes and times; contents are read when one of them has changed.
const EVERY: Duration = Duration::from_millis(300);

/// Maximum size of files whose contents are compared, bytes. Larger files are not sources, and are compared by size and time.
const MAX_READ: u64 = 4 << 20;

/// Builds (unless `wasm` names a component) and tests repeatedly. Runs until the process ends by a signal, or until
/// standard output has no reader.
///
/// # Errors
/// [`Usage`](insightd::error::Usage) if there is no directory of golden cases.
pub(crate) fn watch(directory: &Path, wasm: Option<&Path>, show_output: bool) -> anyhow::Result<()> {
    let options = Options { bless: false, show_output };
    golden::cases_in(directory)?;
    let builds = wasm.is_none() && directory.join("Cargo.toml").is_file();
    let wasm_file = wasm.map(Path::to_path_buf);
    let mut seen = Snapshot::of(directory, wasm_file.as_deref());
    loop {
        let digest = seen.digest();
        let built =
            if builds { build::make(directory).map(|made| Some(made.file)) } else { Ok(wasm_file.clone()) };
        let tested = built.and_then(|file| golden::test(directory, file.as_deref(), &options));
        if let Err(error) = tested {
            output::message(format_args!("{error:#}"));
        }
        let what = if builds { "sources and cases" } else { "cases and component" };
        output::line(format_args!(
            "\nwaiting for a change of {what} in {} (stop with Ctrl-C)",
            directory.display()
        ));
        if output::is_closed() {
            return Ok(());
        }
        loop {
            thread::sleep(EVERY);
            let now = Snapshot::of(directory, wasm_file.as_deref());
            if now == seen {
                continue;
            }
            seen = now;
            if seen.digest() != digest {
                break;
            }
        }
    }
}

/// Paths, sizes and modification times of the relevant files; they show that a file may have changed without reading it.
#[derive(PartialEq)]
struct Snapshot(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl Snapshot {
    fn of(directory: &Path, wasm: Option<&Path>) -> Self {
        let mut files = Vec::new();
        add(directory, &mut files);
        files.extend(wasm.and_then(stamp));
        files.sort();
        Self(files)
    }

    /// Returns the digest of names and contents.
    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for (path, bytes, modified) in &self.0 {
            digest.update(path.as_os_str().as_encoded_bytes());
            let content = (*bytes <= MAX_READ).then(|| fs::read(path).ok()).flatten();
            match content {
                Some(content) => digest.update(Sha256::digest(content)),
                None => digest.update(format!("{bytes} {modified:?}")),
            }
        }
        digest.finalize().into()
    }
}

/// Adds all files except those that builds write, which are `target` and lock files, and hidden files.
fn add(directory: &Path, files: &mut Vec<(PathBuf, u64, Option<SystemTime>)>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") || name == "target" || name == "Cargo.lock" {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => add(&entry.path(), files),
            Ok(_) => files.extend(stamp(&entry.path())),
            Err(_) => {}
        }
    }
}

fn stamp(path: &Path) -> Option<(PathBuf, u64, Option<SystemTime>)> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((path.into(), metadata.len(), metadata.modified().ok()))
}
