//! Helm and kubectl, and what they render.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use insightd_tests::manifests::{Manifests, kubectl};
use insightd_tests::{deploy, skipped, top};
use tempfile::TempDir;

/// The programs, and copies of `deploy/` with and without components.
#[derive(Debug)]
pub(crate) struct Tools {
    helm: PathBuf,
    kubectl: PathBuf,
    with_components: TempDir,
    plain: TempDir,
}

/// Returns the programs, with copies for one test, or `None` with a message if a program is missing.
pub(crate) fn tools(test: &str) -> Option<Tools> {
    static PROGRAMS: OnceLock<Result<(PathBuf, PathBuf), String>> = OnceLock::new();
    match PROGRAMS.get_or_init(programs) {
        Ok((helm, kubectl)) => Some(Tools {
            helm: helm.clone(),
            kubectl: kubectl.clone(),
            with_components: deploy::copy(),
            plain: deploy::plain_copy(),
        }),
        Err(reason) => {
            skipped(test, reason);
            None
        }
    }
}

fn programs() -> Result<(PathBuf, PathBuf), String> {
    let kubectl =
        kubectl().ok_or("no kubectl: put one on the path, name it in KUBECTL, or run tests/node/build")?;
    Ok((helm()?, kubectl))
}

/// Returns `$HELM`, or the one that `tests/helm/build` has built from its Go module, which takes minutes.
fn helm() -> Result<PathBuf, String> {
    if let Some(helm) = std::env::var_os("HELM") {
        return Ok(helm.into());
    }
    let built = top().join("target/helm/bin/helm");
    if built.exists() {
        Ok(built)
    } else {
        Err("no Helm: run tests/helm/build, or name one in HELM".to_owned())
    }
}

impl Tools {
    /// Renders a kustomization that is beside `base` in a directory of its own.
    pub(crate) fn kustomize(&self, name: &str, kustomization: &str) -> Manifests {
        let directory = self.with_components.path().join("deploy").join(name);
        fs::create_dir_all(&directory).expect("can be made");
        fs::write(directory.join("kustomization.yaml"), kustomization).expect("can be written");
        Manifests::render(&self.kubectl, &directory)
    }

    /// Returns a copy of `deploy/`.
    pub(crate) fn deploy(&self, has_components: bool) -> PathBuf {
        let copy = if has_components { &self.with_components } else { &self.plain };
        copy.path().join("deploy")
    }

    /// Renders the chart that contains the components.
    pub(crate) fn render(&self, values: &str) -> Manifests {
        parsed(&self.template(true, values))
    }

    /// Renders the chart of a plain checkout.
    pub(crate) fn render_plain(&self, values: &str) -> Manifests {
        parsed(&self.template(false, values))
    }

    /// Runs `helm template`.
    pub(crate) fn template(&self, has_components: bool, values: &str) -> Output {
        let chart = self.deploy(has_components).join("helm/insightd");
        self.helm(&["template", "insightd", "--namespace", "amazon-cloudwatch"], &chart, values)
    }

    /// Runs `helm lint`, for which warnings are errors.
    pub(crate) fn lint(&self, has_components: bool, values: &str) -> Output {
        let chart = self.deploy(has_components).join("helm/insightd");
        self.helm(&["lint", "--strict", "--namespace", "amazon-cloudwatch"], &chart, values)
    }

    fn helm(&self, arguments: &[&str], chart: &Path, values: &str) -> Output {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("values.yaml");
        fs::write(&file, values).expect("can be written");
        let mut helm = Command::new(&self.helm);
        helm.args(arguments).arg(chart).arg("--values").arg(&file);
        // Not the user's settings, and no cluster.
        helm.env_clear().env("HOME", home.path()).env("KUBECONFIG", home.path().join("none"));
        helm.output().expect("helm starts")
    }
}

fn parsed(output: &Output) -> Manifests {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    Manifests::parse(std::str::from_utf8(&output.stdout).expect("YAML is UTF-8"))
}
