//! Describes a component from the outside (its bytes) and the inside (its own description).

use std::fmt::Write as _;
use std::path::Path;

use insightd_sandbox::Component;
use wasmparser::{Encoding, Parser, Payload};

use insightd_pipeline::Sha256;

/// Package of the contract, without version.
pub(super) const PACKAGE: &str = "insights:transform";

/// Names that a component imports and exports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outline {
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
}

/// Errors of reading the outline.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutlineError {
    /// A core module, which has no interfaces.
    #[error("a core WebAssembly module, not a component; build it for the target wasm32-wasip2")]
    Module,
    /// Not WebAssembly, or damaged.
    #[error("not a WebAssembly component: {0}")]
    Broken(String),
}

impl From<wasmparser::BinaryReaderError> for OutlineError {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        let message = error.message().lines().next().unwrap_or_default();
        Self::Broken(format!("{message} (at byte {})", error.offset()))
    }
}

/// Reads the outermost imports and exports. The host does not use nested ones.
pub(super) fn outline(wasm: &[u8]) -> Result<Outline, OutlineError> {
    if !wasm.starts_with(b"\0asm") {
        return Err(OutlineError::Broken("bad magic number".into()));
    }
    let mut outline = Outline::default();
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(OutlineError::Module);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    outline.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if depth == 0 => {
                for export in exports {
                    outline.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(outline)
}

/// Returns world and package version, according to the exports.
fn world(outline: &Outline) -> Option<(&'static str, &str)> {
    outline.exports.iter().find_map(|export| {
        let (interface, version) = export.strip_prefix(PACKAGE)?.strip_prefix('/')?.split_once('@')?;
        match interface {
            "stage" => Some(("transform", version)),
            "format" => Some(("formatter", version)),
            _ => None,
        }
    })
}

/// Describes a component without running it.
pub(super) fn outside(file: &Path, wasm: &[u8], outline: &Outline) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "file      {}", file.display());
    let _ = writeln!(text, "size      {} bytes", wasm.len());
    let _ = writeln!(text, "sha256    {}", Sha256::of(wasm));
    let _ = match world(outline) {
        Some((world, version)) => writeln!(text, "world     {world} of {PACKAGE}@{version}"),
        None => writeln!(text, "world     none of {PACKAGE}"),
    };
    list(&mut text, "imports", &imports(&outline.imports));
    list(&mut text, "exports", &outline.exports);
    text
}

/// Returns the imports, with those of `wasi:` summarised in one line: Rust's standard library adds a dozen of them, the
/// same ones in every component that uses it.
fn imports(imports: &[String]) -> Vec<String> {
    let (wasi, mut own): (Vec<_>, Vec<_>) =
        imports.iter().cloned().partition(|import| import.starts_with("wasi:"));
    if !wasi.is_empty() {
        own.push(format!(
            "wasi: {} interfaces of the standard library; none of them gives access to anything",
            wasi.len()
        ));
    }
    own
}

/// Formats the component's description of itself.
pub(super) fn inside(component: &Component) -> String {
    let description = component.description();
    let mut text = String::new();
    let _ = writeln!(text, "name      {}", insightd::visible::line(&description.name));
    let _ = writeln!(text, "version   {}", insightd::visible::line(&description.version));
    list(&mut text, "reads", &description.reads);
    list(&mut text, "writes", &description.writes);
    let schema = serde_json::from_str::<serde_json::Value>(&description.config_schema);
    let schema = match schema.and_then(|schema| serde_json::to_string_pretty(&schema)) {
        Ok(schema) => schema,
        Err(error) => format!("(not JSON: {error}) {}", description.config_schema),
    };
    let _ = writeln!(text, "config    {}", schema.replace('\n', "\n          "));
    text
}

fn list(text: &mut String, name: &str, values: &[String]) {
    if values.is_empty() {
        let _ = writeln!(text, "{name:<10}none");
    }
    for (index, value) in values.iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        let _ = writeln!(text, "{name:<10}{}", insightd::visible::line(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_says_what_it_is() {
        assert!(matches!(outline(b"\0asm\x01\0\0\0"), Err(OutlineError::Module)));
        assert!(matches!(outline(b"hello"), Err(OutlineError::Broken(_))));
        assert!(matches!(outline(b""), Err(OutlineError::Broken(_))));
        assert_eq!(outline(b"\0asm\x0d\0\x01\0").unwrap(), Outline::default());
    }

    #[test]
    fn names_are_one_line_each() {
        let mut text = String::new();
        list(&mut text, "reads", &["a\u{1b}[2J\nwrites    b".into()]);
        assert_eq!(text, "reads     a\\u{1b}[2J\\nwrites    b\n");
    }

    #[test]
    fn the_world_shows_in_the_exports() {
        let outline = |export: &str| Outline { exports: vec![export.into()], ..Outline::default() };
        let stage = outline("insights:transform/stage@0.1.0");
        assert_eq!(world(&stage), Some(("transform", "0.1.0")));
        assert_eq!(world(&outline("insights:transform/format@9.0.0")), Some(("formatter", "9.0.0")));
        assert_eq!(world(&outline("wasi:cli/run@0.2.6")), None);
    }
}
