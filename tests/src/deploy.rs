//! A copy of `deploy/` with the shipped components, and `insightd check` of rendered configurations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::manifests::{Manifests, files};
use crate::{built, program, top};

/// The shipped components.
pub const SHIPPED: [&str; 3] = ["decorate", "utilization", "emf"];

/// Name of the image in manifests and chart, without a tag.
pub const IMAGE_NAME: &str = include_str!("../../deploy/image/name").trim_ascii();

/// Copies `deploy/` without any component, as in a plain checkout.
///
/// # Panics
/// If a file cannot be copied.
pub fn plain_copy() -> TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    let status = Command::new("cp").arg("-r").arg(top().join("deploy")).arg(copy.path()).status();
    assert!(status.expect("cp starts").success());
    remove_components(&copy.path().join("deploy"));
    copy
}

fn remove_components(directory: &Path) {
    for entry in fs::read_dir(directory).expect("can be listed") {
        let path = entry.expect("can be listed").path();
        if path.is_dir() {
            remove_components(&path);
        } else if path.extension().is_some_and(|extension| extension == "wasm") {
            fs::remove_file(&path).expect("can be removed");
        }
    }
}

/// Copies `deploy/` with the built components in manifests and chart, as in a release.
///
/// # Panics
/// If a component is not built, or a file cannot be copied.
pub fn copy() -> TempDir {
    let copy = plain_copy();
    for directory in ["deploy/transforms", "deploy/helm/insightd/transforms"] {
        let directory = copy.path().join(directory);
        fs::create_dir_all(&directory).expect("can be made");
        for name in SHIPPED {
            let file = format!("{name}.wasm");
            fs::copy(built(&format!("transforms/{file}")), directory.join(file)).expect("can be copied");
        }
    }
    copy
}

/// The files that the ConfigMaps of rendered manifests hold: components in a directory, and configurations.
#[derive(Debug)]
pub struct Mounted {
    directory: TempDir,
    configurations: Vec<String>,
}

impl Mounted {
    /// Writes the components of all ConfigMaps to a temporary directory.
    ///
    /// # Panics
    /// If a file cannot be written.
    pub fn new(manifests: &Manifests) -> Self {
        let mounted =
            Self { directory: tempfile::tempdir().expect("a directory"), configurations: Vec::new() };
        fs::create_dir(mounted.transforms()).expect("can be made");
        manifests.of_kind("ConfigMap").flat_map(files).fold(mounted, |mut mounted, (name, data)| {
            match name.rsplit('.').next() {
                Some("wasm") => fs::write(mounted.transforms().join(name), data).expect("can be written"),
                Some("yaml") => mounted.configurations.push(String::from_utf8(data).expect("UTF-8")),
                _ => {}
            }
            mounted
        })
    }

    /// Returns the directory of the components.
    pub fn transforms(&self) -> PathBuf {
        self.directory.path().join("transforms")
    }

    /// Returns the configurations.
    pub fn configurations(&self) -> &[String] {
        &self.configurations
    }

    /// Runs `insightd check` with the components mounted as in the pod; returns its standard output and standard error.
    ///
    /// # Panics
    /// If the configuration mounts no components, or the agent cannot be started.
    pub fn check(&self, configuration: &str, compiler: &Path) -> (String, String) {
        let mounted = "transforms_dir: /etc/insightd/transforms\n";
        assert!(configuration.contains(mounted), "{configuration}");
        let here = format!("transforms_dir: {:?}\ncompiler: {compiler:?}\n", self.transforms());
        let file = self.directory.path().join("insightd.yaml");
        fs::write(&file, configuration.replace(mounted, &here)).expect("can be written");
        let mut agent = Command::new(program("insightd"));
        let output = agent.arg("check").arg(&file).env_clear().output().expect("the agent starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (said, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
