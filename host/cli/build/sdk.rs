//! The SDK as `insightctl transform new` writes it into a new crate: a slice of this repository that builds by itself.
//!
//! The archive is compressed and consists of `PATH LENGTH` lines, each followed by that number of bytes.

#[path = "links.rs"]
mod links;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Files and directories that are copied unchanged. `guest-sdk/wit` is a link to the contract; the copy has the files.
const TAKEN: [&str; 10] = [
    "LICENSE",
    "guest-sdk/Cargo.toml",
    "guest-sdk/README.md",
    "guest-sdk/src",
    "guest-sdk/wit",
    "guest-sdk/batch/Cargo.toml",
    "guest-sdk/batch/README.md",
    "guest-sdk/batch/src",
    "docs/authors.md",
    "docs/raw-metrics.md",
];

/// Packages and directories of the SDK's crates, which are the members of the copy's workspace.
const CRATES: [(&str, &str); 2] = [("insights-sdk", "guest-sdk"), ("insights-batch", "guest-sdk/batch")];

fn is_taken(path: &str) -> bool {
    TAKEN
        .iter()
        .any(|taken| path.strip_prefix(taken).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Writes the archive.
pub(crate) fn write(workspace: &Path, out: &Path) -> Result<(), String> {
    let manifest = read(&workspace.join("Cargo.toml"))?;
    let mut crates = Vec::new();
    for (package, directory) in CRATES {
        crates.push((package, read(&workspace.join(directory).join("Cargo.toml"))?));
    }
    let mut files = vec![
        ("Cargo.toml".to_owned(), self::manifest(&manifest, &crates)),
        ("Cargo.lock".to_owned(), lock(&read(&workspace.join("Cargo.lock"))?, &crates)?),
    ];
    for taken in TAKEN {
        println!("cargo::rerun-if-changed={}", workspace.join(taken).display());
        for path in files_of(&workspace.join(taken))? {
            let name = path.strip_prefix(workspace).unwrap_or(&path).display().to_string();
            let text = read(&path)?;
            let text =
                if name.ends_with(".md") { links::without_missing(&name, &text, &is_taken) } else { text };
            files.push((name, text));
        }
    }
    for own in ["Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", workspace.join(own).display());
    }
    let mut archive = GzEncoder::new(Vec::new(), Compression::best());
    let fill = |archive: &mut GzEncoder<Vec<u8>>| {
        for (name, text) in &files {
            writeln!(archive, "{name} {}", text.len())?;
            archive.write_all(text.as_bytes())?;
        }
        archive.try_finish()
    };
    fill(&mut archive).map_err(|error| format!("cannot write the SDK archive: {error}"))?;
    fs::write(out, archive.get_ref()).map_err(|error| format!("{}: {error}", out.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Returns the file itself, or all files below a directory, sorted.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, String> {
    if path.is_file() {
        return Ok(vec![path.into()]);
    }
    let entries = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    inside.sort();
    let nested: Result<Vec<_>, _> = inside.iter().map(|path| files_of(path)).collect();
    Ok(nested?.concat())
}

/// Returns the manifest of a workspace with only the SDK's crates: the parts of this workspace's manifest that they inherit.
fn manifest(workspace: &str, crates: &[(&str, String)]) -> String {
    let inherits = |key: &str| {
        crates.iter().flat_map(|(_, manifest)| manifest.lines()).any(|line| {
            line.strip_prefix(key).is_some_and(|rest| {
                rest.starts_with(".workspace")
                    || (rest.starts_with(" = {") && rest.contains("workspace = true"))
            })
        })
    };
    let members = CRATES.map(|(_, directory)| format!("\"{directory}\"")).join(", ");
    let mut text = format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n");
    let mut section = "";
    for line in workspace.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let taken = match section {
            "[workspace.dependencies]" => {
                line == section || line.split_once(" = ").is_some_and(|(key, _)| inherits(key))
            }
            "[workspace.package]" => true,
            _ => section.starts_with("[workspace.lints."),
        };
        if taken && !line.is_empty() {
            if line == section {
                text.push('\n');
            }
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// Returns the packages of the workspace's lock file that the SDK needs: a new crate builds with the versions that the agent was tested with.
fn lock(workspace: &str, crates: &[(&str, String)]) -> Result<String, String> {
    let packages: Vec<&str> = workspace.split("\n[[package]]\n").skip(1).collect();
    let is_tests_only = |package: &str, dependency: &str| {
        let manifest = crates.iter().find(|(name, _)| *name == package).map(|(_, manifest)| manifest);
        let tests = manifest.and_then(|manifest| manifest.split("[dev-dependencies]").nth(1));
        tests.is_some_and(|tests| tests.lines().any(|line| line.starts_with(dependency)))
    };
    let mut wanted = vec!["insights-sdk".to_owned()];
    let mut taken: BTreeMap<String, (&str, String)> = BTreeMap::new();
    while let Some(dependency) = wanted.pop() {
        // `NAME`, or `NAME VERSION` if the workspace has several versions. A new crate has one.
        let (name, start) = match dependency.split_once(' ') {
            Some((name, version)) => (name, format!("name = \"{name}\"\nversion = \"{version}\"\n")),
            None => (&*dependency, format!("name = \"{dependency}\"\n")),
        };
        let found = packages.iter().find(|package| package.starts_with(&start));
        let package = *found.ok_or_else(|| format!("Cargo.lock has no package {dependency}"))?;
        if let Some((other, _)) = taken.get(name) {
            if *other != package {
                return Err(format!("Cargo.lock has two versions of {name}, and the SDK needs both"));
            }
            continue;
        }
        let mut text = "\n[[package]]\n".to_owned();
        for line in package.trim_end().lines() {
            if let Some(dependency) = line.strip_prefix(" \"").and_then(|line| line.strip_suffix("\",")) {
                let other = dependency.split(' ').next().unwrap_or(dependency);
                if !is_tests_only(name, other) {
                    wanted.push(dependency.to_owned());
                    text += &format!(" \"{other}\",\n");
                }
            } else {
                text += &format!("{line}\n");
            }
        }
        taken.insert(name.to_owned(), (package, text));
    }
    Ok(taken.into_values().map(|(_, text)| text).collect())
}
