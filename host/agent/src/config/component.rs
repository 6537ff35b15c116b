//! Reads a component of a pipeline, and its own configuration.

use insightd_pipeline::states::MAX_BYTES as MAX_ALL_STATE_BYTES;
use insightd_pipeline::{ComponentConfig, ComponentSpec, Origin, Sha256, TextFile};
use insightd_yaml::Data;

use super::reader::{Item, Section};
use super::values;

/// Most keys of a component's configuration that may come from files.
const MAX_TEXTS: usize = 16;

/// Most state of one component for a scope, bytes: half of the state of all components.
const MAX_STATE_BYTES: u64 = MAX_ALL_STATE_BYTES / 2;

/// Reads the keys that describe a component.
pub(super) fn read(section: &Section<'_>, path: &str) -> Option<ComponentSpec> {
    let named = section.value("use", component_name);
    if named.is_none() && section.get("use").is_none() {
        section.problem("use", "required: builtin:NAME or file:NAME");
    }
    let sha256 = section.value("sha256", Sha256::parse);
    let mut config = ComponentConfig { at: section.at(), ..ComponentConfig::default() };
    if let Some(item) = section.get("config") {
        if !matches!(item.node.data, Data::Mapping(_)) {
            item.problem(format!("expected a mapping, found {}", item.node.kind()));
        }
        config.text = item.node.to_json().to_string();
        config.node = Some(item.node.clone());
    }
    let texts = section.named_of("config_files", MAX_TEXTS).unwrap_or_default();
    let texts = texts.iter().filter_map(|(key, item)| text_file(section, key, item)).collect();
    let below = section.section("state");
    let state_bytes = below.value("max_bytes", |text| match values::size(text)? {
        bytes if (1 << 10..=MAX_STATE_BYTES).contains(&bytes) => Ok(bytes),
        _ => Err("must be from 1KiB to 4MiB".to_string()),
    });
    below.finish();
    let (origin, name) = named?;
    Some(ComponentSpec { origin, name, sha256, config, texts, state_bytes, path: path.into() })
}

fn text_file(section: &Section<'_>, key: &str, item: &Item<'_>) -> Option<TextFile> {
    let name = item.value(text_name)?;
    if let Some(config) = section.get("config")
        && let Data::Mapping(entries) = &config.node.data
        && entries.iter().any(|entry| entry.key == key)
    {
        item.problem(format!("`{key}` is also set under `config`: remove one of the two"));
    }
    Some(TextFile { key: key.into(), name, at: item.at, path: item.path.clone() })
}

/// Checks the name of a text file in the directory of components.
fn text_name(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "invalid file name `{text}`: expected a text file in `transforms_dir`: letters, digits, `-`, \
             `_` and `.` (not first); `*.wasm`, `id` and `insightd.yaml` are reserved"
        )
    };
    let name = file_name(text).ok_or_else(wrong)?;
    // The last-good store uses these names beside the files of a bundle.
    match name.ends_with(".wasm") || matches!(name, "id" | "insightd.yaml") {
        true => Err(wrong()),
        false => Ok(name.into()),
    }
}

/// Returns the text if it is a name within its directory: letters, digits, `-`, `_` and `.`, which is not first.
fn file_name(text: &str) -> Option<&str> {
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = !text.is_empty() && !text.starts_with('.') && text.chars().all(usable);
    is_name.then_some(text)
}

/// Parses `builtin:NAME` or `file:NAME`. The name is also a file name.
fn component_name(text: &str) -> Result<(Origin, String), String> {
    let wrong = || format!("invalid component `{text}`: expected builtin:NAME or file:NAME");
    let (origin, name) = text.split_once(':').ok_or_else(wrong)?;
    let origin = match origin {
        "builtin" => Origin::Builtin,
        "file" => Origin::File,
        _ => return Err(wrong()),
    };
    let name = file_name(name).ok_or_else(|| {
        format!("invalid component name `{name}`: expected letters, digits, `-`, `_` and `.` (not first)")
    })?;
    Ok((origin, name.into()))
}
