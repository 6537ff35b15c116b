//! Finds the wasm file of a component's directory.

use std::path::{Path, PathBuf};

/// Returns the wasm file that belongs to `directory`. The search order is that in `insightctl transform test --help`.
///
/// # Errors
/// Returns the error text, with all paths that were tried, if there is no such file, or more than one.
pub(super) fn wasm_of(directory: &Path) -> Result<PathBuf, String> {
    let directory = directory.canonicalize().map_err(|error| format!("{}: {error}", directory.display()))?;
    let inside = wasm_files(&directory);
    if let [only] = inside.as_slice() {
        return Ok(only.clone());
    }
    if inside.len() > 1 {
        return Err(format!(
            "{} contains {} *.wasm files; select one with --wasm",
            directory.display(),
            inside.len()
        ));
    }
    let candidates = candidates(&directory, std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from));
    match candidates.iter().find(|path| path.is_file()) {
        Some(found) => Ok(found.clone()),
        None => {
            let list: Vec<String> = candidates.iter().map(|path| format!("\n  {}", path.display())).collect();
            Err(format!(
                "no wasm file for {}; run `insightctl transform build` or pass it with --wasm. Searched:{}",
                directory.display(),
                list.concat()
            ))
        }
    }
}

fn wasm_files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")).collect()
}

fn candidates(directory: &Path, target: Option<PathBuf>) -> Vec<PathBuf> {
    let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let krate = package_name(directory).unwrap_or_else(|| name.clone()).replace('-', "_");
    let mut candidates: Vec<PathBuf> = directory
        .ancestors()
        .map(|above| above.join("target/transforms").join(format!("{name}.wasm")))
        .collect();
    let targets = target.into_iter().chain(directory.ancestors().map(|above| above.join("target")));
    for target in targets {
        for profile in ["guest", "release", "debug"] {
            candidates.push(target.join("wasm32-wasip2").join(profile).join(format!("{krate}.wasm")));
        }
    }
    candidates
}

/// Returns `name` of the `[package]` section. Reads only this line, without a TOML parser.
pub(super) fn package_name(directory: &Path) -> Option<String> {
    let text = std::fs::read_to_string(directory.join("Cargo.toml")).ok()?;
    let package = text.split("[package]").nth(1)?;
    let line = package
        .lines()
        .take_while(|line| !line.starts_with('['))
        .find(|line| line.split_once('=').is_some_and(|(key, _)| key.trim() == "name"))?;
    Some(line.split('"').nth(1)?.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_nearest_wasm_is_found() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path().canonicalize().unwrap();
        let directory = top.join("transforms/my-labels");
        fs::create_dir_all(&directory).unwrap();
        fs::write(
            directory.join("Cargo.toml"),
            "[package]\nname = \"acme-labels\"\n[dependencies]\nname = \"x\"\n",
        )
        .unwrap();
        let error = wasm_of(&directory).unwrap_err();
        assert!(error.contains("target/transforms/my-labels.wasm"), "{error}");

        let place = |path: &str| {
            let path = top.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let built = place("target/wasm32-wasip2/release/acme_labels.wasm");
        assert_eq!(wasm_of(&directory).unwrap(), built);
        let made = place("target/transforms/my-labels.wasm");
        assert_eq!(wasm_of(&directory).unwrap(), made);
        let inside = place("transforms/my-labels/any.wasm");
        assert_eq!(wasm_of(&directory).unwrap(), inside);
        place("transforms/my-labels/other.wasm");
        assert!(wasm_of(&directory).unwrap_err().contains("2 *.wasm files"));
        assert!(wasm_of(&top.join("nowhere")).is_err());
    }
}
