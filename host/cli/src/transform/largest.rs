//! Sums up the code size of a component by crate, using the name section of the file.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

/// Bytes of code by crate. Empty if the file has no names, such as after stripping.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Largest(BTreeMap<String, usize>);

/// Data of the core module being read.
#[derive(Default)]
struct Module {
    /// Size of each function with a body, in order, bytes; imported functions come before them in the index space.
    bodies: Vec<usize>,
    imported: u32,
    names: HashMap<u32, String>,
}

impl Largest {
    /// Reads every module of a component as built by Cargo. Invalid parts count as nothing: the agent's own checks
    /// report what is wrong with a component.
    pub(super) fn read(wasm: &[u8]) -> Self {
        let mut largest = Self::default();
        let mut modules: Vec<Module> = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let Ok(payload) = payload else { break };
            match payload {
                Payload::Version { .. } => modules.push(Module::default()),
                Payload::End(_) => {
                    if let Some(module) = modules.pop() {
                        largest.add(&module);
                    }
                }
                payload => {
                    if let Some(module) = modules.last_mut() {
                        module.read(payload);
                    }
                }
            }
        }
        largest
    }

    fn add(&mut self, module: &Module) {
        for (index, bytes) in (module.imported..).zip(&module.bodies) {
            if let Some(name) = module.names.get(&index) {
                *self.0.entry(crate_of(name)).or_default() += bytes;
            }
        }
    }

    /// Returns `; the largest crates, by code: NAME N KiB, …`, or a hint on how to make the names available.
    pub(super) fn describe(&self, most: usize) -> String {
        if self.0.is_empty() {
            return "; set `strip = \"debuginfo\"` in [profile.release] of Cargo.toml to list the largest crates"
                .to_owned();
        }
        let mut crates: Vec<_> = self.0.iter().collect();
        crates.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
        let mut text = String::from("; the largest crates, by code:");
        for (index, (name, bytes)) in crates.into_iter().take(most).enumerate() {
            // Writing to a string does not fail.
            let _ =
                write!(text, "{} {name} {} KiB", if index == 0 { "" } else { "," }, bytes.div_ceil(1 << 10));
        }
        text
    }
}

impl Module {
    fn read(&mut self, payload: Payload<'_>) {
        match payload {
            Payload::ImportSection(imports) => {
                let functions = imports
                    .into_imports()
                    .flatten()
                    .filter(|import| matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                self.imported = u32::try_from(functions.count()).unwrap_or(u32::MAX);
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body.range().len()),
            Payload::CustomSection(section) => {
                let KnownCustom::Name(names) = section.as_known() else { return };
                for name in names.flatten() {
                    let Name::Function(functions) = name else { continue };
                    for naming in functions.into_iter().flatten() {
                        self.names.insert(naming.index, naming.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
}

/// Returns the crate name at the start of a symbol, or `other` for symbols that are not Rust's.
fn crate_of(symbol: &str) -> String {
    let Ok(demangled) = rustc_demangle::try_demangle(symbol) else { return "other".to_owned() };
    let path = format!("{demangled:#}");
    let path = path.trim_start_matches(['<', '&', '*', '[', '(']);
    let path = path.strip_prefix("mut ").or(path.strip_prefix("dyn ")).unwrap_or(path);
    let name: String = path.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    // `[T]`, `u32`: methods of built-in types.
    if path[name.len()..].starts_with("::") { name } else { "core".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_have_crates() {
        for (symbol, name) in [
            ("_ZN4rhai6engine6Engine3new17h0123456789abcdefE", "rhai"),
            (
                "_ZN61_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
                "alloc",
            ),
            (
                "_ZN4core3fmt3num50_$LT$impl$u20$core..fmt..Debug$u20$for$u20$u32$GT$3fmt17h0123456789abcdefE",
                "core",
            ),
            ("_RNvCs1234_7mycrate3foo", "mycrate"),
            ("dlmalloc", "other"),
        ] {
            assert_eq!(crate_of(symbol), name, "{symbol}");
        }
    }

    #[test]
    fn files_without_names_say_how_to_get_them() {
        for wasm in [&b""[..], b"\0asm\x0d\0\x01\0", b"\0asm\x01\0\0\0\xff\xff"] {
            let largest = Largest::read(wasm);
            assert_eq!(largest, Largest::default());
            assert!(largest.describe(4).contains("strip = \"debuginfo\""));
        }
    }

    #[test]
    fn the_largest_come_first() {
        let largest = Largest([("a".to_owned(), 100), ("b".to_owned(), 5000), ("c".to_owned(), 2000)].into());
        assert_eq!(largest.describe(2), "; the largest crates, by code: b 5 KiB, c 2 KiB");
    }
}
