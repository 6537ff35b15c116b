//! Manifests of `deploy/` as rendered by kustomize.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::top;

/// Returns a kubectl: `$KUBECTL`, the one built by `tests/node/build`, or the first on the path.
pub fn kubectl() -> Option<PathBuf> {
    let ours = top().join("target/node/bin/kubectl");
    let candidates = [std::env::var_os("KUBECTL").map(PathBuf::from), Some(ours), Some("kubectl".into())];
    candidates.into_iter().flatten().find(|program| {
        let mut version = Command::new(program);
        version.args(["kustomize", "--help"]).stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    })
}

/// All objects rendered from one directory.
#[derive(Debug)]
pub struct Manifests(Vec<Value>);

impl Manifests {
    /// Renders a directory.
    ///
    /// # Panics
    /// If kustomize fails.
    pub fn render(kubectl: &Path, directory: &Path) -> Self {
        let output = Command::new(kubectl).arg("kustomize").arg(directory).output().expect("kubectl starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {error}", directory.display());
        Self::parse(&String::from_utf8(output.stdout).expect("YAML is UTF-8"))
    }

    /// Parses rendered YAML; skips empty documents.
    ///
    /// # Panics
    /// If it is not valid.
    pub fn parse(text: &str) -> Self {
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(text).expect("renderers write YAML");
        objects.retain(|object| !object.is_null());
        Self(objects)
    }

    /// Returns all objects.
    pub fn objects(&self) -> &[Value] {
        &self.0
    }

    /// Returns all objects of a kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    /// Returns one object.
    ///
    /// # Panics
    /// If it does not exist.
    pub fn get(&self, kind: &str, name: &str) -> &Value {
        let found = self.of_kind(kind).find(|object| object["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("{kind} {name} not found"))
    }

    /// Returns the pod templates, each with kind and name of its owner.
    pub fn pod_templates(&self) -> impl Iterator<Item = (String, &Value)> {
        self.0.iter().filter_map(|object| {
            let spec = object.pointer("/spec/template/spec")?;
            Some((format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"])), spec))
        })
    }
}

/// Returns the text of a value, empty if it is not a string.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Returns the elements of a list, empty if the value is not a list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the files of a ConfigMap, text and binary.
///
/// # Panics
/// If binary data is not valid base64.
pub fn files(config_map: &Value) -> Vec<(String, Vec<u8>)> {
    let part = |key: &str| config_map[key].as_object().cloned().unwrap_or_default();
    let plain = part("data").into_iter().map(|(name, data)| (name, text(&data).as_bytes().to_vec()));
    let binary = part("binaryData").into_iter().map(|(name, data)| {
        let data: String = text(&data).split_whitespace().collect();
        (name, STANDARD.decode(data).expect("binaryData is base64"))
    });
    plain.chain(binary).collect()
}
