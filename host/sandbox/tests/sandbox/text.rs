//! Components from text, for code that no compiler would generate.

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Copies the contract's files, changed by `edit`, to one directory.
fn contract(edit: impl Fn(&str) -> String) -> tempfile::TempDir {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(wit).unwrap() {
        let path = file.unwrap().path();
        let text = edit(&std::fs::read_to_string(&path).unwrap());
        std::fs::write(copy.path().join(path.file_name().unwrap()), text).unwrap();
    }
    copy
}

/// Builds a component of `world` from a core module; `edit` changes the WIT files first.
pub(crate) fn component(world: &str, core: &str, edit: impl Fn(&str) -> String) -> Vec<u8> {
    let contract = contract(edit);
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(contract.path()).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = wat::parse_str(core).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// Leaves the contract's files unchanged.
pub(crate) fn same(text: &str) -> String {
    text.to_owned()
}

/// Returns a core module with the exports of every transform. Memory is zero, so that the pointer 1024 is an empty description, a
/// successful `configure` and an empty batch. `describe` and `process` are the bodies of those functions, `rest` is anything else.
pub(crate) fn stage(describe: &str, process: &str, rest: &str, version: &str) -> String {
    format!(
        r#"(module
            {rest}
            (memory (export "memory") 2)
            (global $next (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (global.get $next))
                (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8))))
                (block $fits
                    (br_if $fits (i32.lt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
                    (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16))))))
                (local.get $at))
            (func (export "insights:transform/stage@{version}#describe") (result i32) {describe})
            (func (export "insights:transform/stage@{version}#configure") (param i32 i32) (result i32) (i32.const 1024))
            (func (export "insights:transform/stage@{version}#process") (param i32) (result i32) {process}))"#
    )
}

/// Returns a core module like [`stage`], for a formatter, with this many pages of memory.
pub(crate) fn format(body: &str, pages: u32) -> String {
    format!(
        r#"(module
            (memory (export "memory") {pages})
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
            (func (export "insights:transform/format@0.1.0#describe") (result i32) (i32.const 1024))
            (func (export "insights:transform/format@0.1.0#configure") (param i32 i32) (result i32) (i32.const 1024))
            (func (export "insights:transform/format@0.1.0#format") (param i32) (result i32) {body}))"#
    )
}

/// Returns zeroed memory.
pub(crate) const ZERO: &str = "(i32.const 1024)";
