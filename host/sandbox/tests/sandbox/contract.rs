//! Components that are rejected before they run.

use insightd_sandbox::{LoadError, NativeCode};

use crate::arena::{Arena, enter};
use crate::{guests, text};

/// Returns the error with which native code is rejected.
fn refused(arena: &Arena, name: &str, native: &NativeCode) -> LoadError {
    let error = arena.attack(name, || arena.sandbox.load("guest", native)).unwrap_err();
    assert!(error.to_string().starts_with("guest: "), "{error}");
    error
}

/// Wraps these bytes as native code.
fn native(bytes: Vec<u8>) -> NativeCode {
    // SAFETY: the bytes of every caller are rejected before they run, which is what the test checks.
    unsafe { NativeCode::embedded(bytes, [0; 32]) }
}

#[test]
fn raw_webassembly_is_refused() {
    let (_serial, arena) = enter();
    let error = refused(arena, "raw WebAssembly", &native(guests::guest("stage")));
    assert!(matches!(error, LoadError::Raw { .. }));
    assert!(error.to_string().contains("the agent has no compiler"), "{error}");
    let module = wat::parse_str("(module)").unwrap();
    assert!(matches!(refused(arena, "raw WebAssembly", &native(module)), LoadError::Raw { .. }));
}

#[test]
fn the_build_has_no_compiler() {
    let has_compiler = insightd_sandbox::engine::HAS_COMPILER;
    assert!(!has_compiler, "wasmtime has the features of insightd-compile");
}

#[test]
fn arbitrary_bytes_are_refused() {
    let (_serial, arena) = enter();
    let mut elf = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    elf.truncate(64 * 1024);
    elf.shrink_to_fit();
    for bytes in [Vec::new(), b"hello".to_vec(), elf] {
        assert!(matches!(refused(arena, "damaged native code", &native(bytes)), LoadError::NotNative { .. }));
    }
    let whole = arena.compile(&guests::guest("format"));
    for part in [1000, whole.bytes().len() / 2, whole.bytes().len() - 1] {
        let error = refused(arena, "damaged native code", &native(whole.bytes()[..part].to_vec()));
        assert!(matches!(error, LoadError::NotNative { .. } | LoadError::Engine { .. }), "{error}");
    }
}

#[test]
fn native_code_of_another_engine_is_refused() {
    let (_serial, arena) = enter();
    let whole = arena.compile(&guests::guest("format"));
    // The engine's section begins with a zero, the length of the version's text, and the text, such as `48`.
    let version = b"\0\x0248";
    let at = whole.bytes().windows(version.len()).position(|window| window == version).unwrap();
    let mut other = whole.bytes().to_vec();
    other[at + 2..at + 4].copy_from_slice(b"47");
    let error = refused(arena, "native code of another engine", &native(other));
    assert!(matches!(error, LoadError::Engine { .. }));
    assert!(error.to_string().contains("incompatible version '47'"), "{error}");

    let mut other = whole.bytes().to_vec();
    let triple = b"unknown-linux";
    let at = other.windows(triple.len()).position(|window| window == triple).unwrap();
    other[at..at + triple.len()].copy_from_slice(b"unknown-hurd\0");
    assert!(matches!(
        refused(arena, "native code of another engine", &native(other)),
        LoadError::Engine { .. }
    ));
}

#[test]
fn native_code_for_other_settings_is_refused() {
    let (_serial, arena) = enter();
    // Native code of an engine without deadlines: `insightd-compile` has no option for that, so the settings are changed in
    // its output. They are in the order of wasmtime's structure; the relevant byte is found by trying.
    let whole = arena.compile(&guests::guest("format"));
    let version = b"\0\x0248";
    let start = whole.bytes().windows(version.len()).position(|window| window == version).unwrap();
    let without_epoch = (start..start + 1024).find_map(|at| {
        let mut other = whole.bytes().to_vec();
        if other.get(at) != Some(&1) {
            return None;
        }
        other[at] = 0;
        let error = arena.sandbox.load("guest", &native(other)).err()?.to_string();
        error.contains("without epoch interruption").then_some(error)
    });
    assert!(without_epoch.unwrap().contains("native code for another engine"));
}

#[test]
fn another_version_of_the_contract_is_refused() {
    let (_serial, arena) = enter();
    let later = |text: &str| text.replace("@0.1.0", "@0.2.0");
    let core = text::stage(text::ZERO, text::ZERO, "", "0.2.0");
    let error =
        refused(arena, "another version", &arena.compile(&text::component("transform", &core, later)));
    assert!(matches!(error, LoadError::Version { .. }));
    let text = error.to_string();
    assert!(
        text.contains("expected insights:transform/stage@0.1.0, found insights:transform/stage@0.2.0"),
        "{text}"
    );
    // A semver-compatible version is not enough.
    let later = |text: &str| text.replace("@0.1.0", "@0.1.1");
    let core = text::stage(text::ZERO, text::ZERO, "", "0.1.1");
    assert!(matches!(
        refused(arena, "another version", &arena.compile(&text::component("transform", &core, later))),
        LoadError::Version { .. }
    ));
}

#[test]
fn a_wrong_world_is_refused() {
    let (_serial, arena) = enter();
    let world = |text: &str| match text.contains("world transform") {
        true => format!("{text}\ninterface cake {{ bake: func(); }}\nworld bakery {{ export cake; }}"),
        false => text.to_owned(),
    };
    let core = r#"(module (func (export "insights:transform/cake@0.1.0#bake")))"#;
    let error = refused(arena, "a wrong world", &arena.compile(&text::component("bakery", core, world)));
    assert!(matches!(error, LoadError::World { .. }));
    assert!(error.to_string().contains("found exports: insights:transform/cake@0.1.0"), "{error}");

    let empty = wat::parse_str("(component)").unwrap();
    let error = refused(arena, "a wrong world", &arena.compile(&empty));
    assert!(error.to_string().contains("found exports: none"), "{error}");
}

#[test]
fn changed_types_under_the_same_name_are_refused() {
    let (_serial, arena) = enter();
    let types =
        |text: &str| text.replace("configure: func(text: string)", "configure: func(text: u32, more: u32)");
    let core = text::stage(text::ZERO, text::ZERO, "", "0.1.0");
    let error = refused(arena, "changed types", &arena.compile(&text::component("transform", &core, types)));
    assert!(matches!(error, LoadError::Types { .. }), "{error}");
}

#[test]
fn an_import_outside_of_the_contract_is_refused() {
    let (_serial, arena) = enter();
    for (package, interface) in
        [("secret", "interface secret { read: func(); }"), ("log2", "interface log2 { read: func(); }")]
    {
        let world = |text: &str| match text.contains("world transform") {
            true => format!("{text}\n{interface}\nworld nosy {{ import {package}; export stage; }}"),
            false => text.to_owned(),
        };
        let import = format!(r#"(import "insights:transform/{package}@0.1.0" "read" (func))"#);
        let core = text::stage(text::ZERO, text::ZERO, &import, "0.1.0");
        let error = refused(
            arena,
            "an import outside of the contract",
            &arena.compile(&text::component("nosy", &core, world)),
        );
        assert!(matches!(error, LoadError::Import { .. }));
        let words = format!("import insights:transform/{package}@0.1.0 is not allowed");
        assert!(error.to_string().contains(&words), "{error}");
    }
}

#[test]
fn wasi_of_another_version_is_refused() {
    let (_serial, arena) = enter();
    let component = |version: &str| {
        wat::parse_str(format!(r#"(component (import "wasi:cli/exit@{version}" (instance)))"#)).unwrap()
    };
    // The world is checked first, so a more complete component is not needed to see the difference.
    assert!(matches!(
        refused(arena, "wasi of another version", &arena.compile(&component("0.2.99"))),
        LoadError::World { .. }
    ));
    let full = text::component(
        "nosy",
        &text::stage(
            text::ZERO,
            text::ZERO,
            r#"(import "insights:transform/exit@0.1.0" "now" (func))"#,
            "0.1.0",
        ),
        |text| match text.contains("world transform") {
            true => format!(
                "{text}\ninterface exit {{ now: func(); }}\nworld nosy {{ import exit; export stage; }}"
            ),
            false => text.to_owned(),
        },
    );
    // A name of the same length in the same component.
    let renamed = replace(&full, b"insights:transform/exit@0.1.0", b"wasi:transforms-to/exit@0.3.0");
    let error = refused(arena, "wasi of another version", &arena.compile(&renamed));
    assert!(error.to_string().contains("import wasi:transforms-to/exit@0.3.0 is not allowed"), "{error}");
    let renamed = replace(&full, b"insights:transform/exit@0.1.0", b"wasi:transforms-to/exit@0.2.0");
    let native = arena.compile(&renamed);
    arena.sandbox.load("answered by a trap", &native).unwrap();
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    while let Some(at) = bytes.windows(from.len()).position(|window| window == from) {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}
