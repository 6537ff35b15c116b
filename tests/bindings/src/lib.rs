//! Generates the SDK's bindings, `guest-sdk/src/guest/bindings/*.rs`, from the contract in `wit/`.
//!
//! They are checked in, so that components build without the generator and its dependencies. `SHA256SUMS` beside this crate
//! holds the hashes of everything that they depend on, and of the result: a test of the agent's workspace compares them, and
//! so notices an outdated file without building the generator.

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use anyhow::Context;
    use sha2::{Digest, Sha256};
    use wit_bindgen_core::wit_parser::Resolve;
    use wit_bindgen_core::{Files, WorldGenerator};
    use wit_bindgen_rust::{Opts, WithOption};

    /// Directory of the generated files, relative to the top of the checkout.
    const BINDINGS: &str = "guest-sdk/src/guest/bindings";

    /// Returns the options of one world. With `pub_export_macro`, the custom section that declares a component's exports is
    /// emitted where the export macro is used: a component has only the world whose macro its author used.
    fn options(world: &str) -> Opts {
        let options = Opts {
            format: true,
            pub_export_macro: true,
            export_macro_name: Some(format!("export_world_{world}")),
            default_bindings_module: Some(format!("insights_sdk::guest::{world}")),
            ..Opts::default()
        };
        if world == "transform" {
            return Opts { generate_all: true, ..options };
        }
        // Both worlds share the types and the imports.
        let with = ["types", "log", "state"].map(|interface| {
            let path = format!("crate::guest::transform::insights::transform::{interface}");
            (format!("insights:transform/{interface}@0.1.0"), WithOption::Path(path))
        });
        Opts { with: with.into(), ..options }
    }

    /// Returns the bindings of one world.
    fn generate(wit: &Path, world: &str) -> anyhow::Result<String> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(wit)?;
        let id = resolve.select_world(&[package], Some(world))?;
        let mut files = Files::default();
        options(world).build().generate(&mut resolve, id, &mut files)?;
        let (_, code) = files.iter().next().context("the generator writes one file")?;
        Ok(String::from_utf8(code.to_vec())?)
    }

    /// Returns the lines of `SHA256SUMS` for files of the checkout, in the format of `sha256sum`.
    fn sums(top: &Path, bindings: &[(String, String)]) -> anyhow::Result<String> {
        let mut names = vec!["tests/bindings/Cargo.lock".to_owned(), "tests/bindings/src/lib.rs".to_owned()];
        for entry in fs::read_dir(top.join("wit"))? {
            names.push(format!("wit/{}", entry?.file_name().display()));
        }
        let mut files = bindings.to_vec();
        for name in names {
            let text = fs::read_to_string(top.join(&name)).with_context(|| name.clone())?;
            files.push((name, text));
        }
        files.sort();
        let lines = files.iter().map(|(name, text)| format!("{:x}  {name}\n", Sha256::digest(text)));
        Ok(lines.collect())
    }

    #[test]
    fn the_bindings_are_those_of_the_contract() -> anyhow::Result<()> {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut files = Vec::new();
        for world in ["transform", "formatter"] {
            files.push((format!("{BINDINGS}/{world}.rs"), generate(&top.join("wit"), world)?));
        }
        let sums = sums(&top, &files)?;
        files.push(("tests/bindings/SHA256SUMS".to_owned(), sums));
        let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
        for (name, text) in files {
            let file = top.join(&name);
            if bless {
                fs::create_dir_all(file.parent().context("a file has a parent")?)?;
                fs::write(&file, text)?;
            } else {
                let found = fs::read_to_string(&file).unwrap_or_default();
                assert!(found == text, "{name} is outdated: run `make bindings`");
            }
        }
        Ok(())
    }
}
