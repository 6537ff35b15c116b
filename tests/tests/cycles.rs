//! No import cycle between the top-level modules of a host crate: a module can be read without those that use it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Modules by name, each with the modules of the same crate that it names.
type Imports = BTreeMap<String, BTreeSet<String>>;

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory of sources") {
        let path = entry.expect("a directory of sources").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && !matches!(&*name, "lib.rs" | "main.rs" | "tests.rs") {
            found.push(path);
        }
    }
    found
}

/// Returns the top-level modules that a file names in paths `crate::MODULE` or `crate::{MODULE, …}`, in imports, code and links of docs;
/// its tests do not count.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let name = |path: &str| {
        let path = path.trim_start();
        path.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().map(str::to_owned)
    };
    let paths = code.split("crate::").skip(1);
    let items = paths.flat_map(|path| match path.strip_prefix('{') {
        Some(group) => grouped(group),
        None => vec![path.to_owned()],
    });
    items.filter_map(|item| name(&item)).filter(|name| !name.is_empty()).collect()
}

/// Returns the items of a grouped import up to its closing brace, without the groups in them.
fn grouped(group: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut depth = 0;
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(String::new()),
            c if depth == 0 => items.last_mut().expect("one item at least").push(c),
            _ => {}
        }
    }
    items
}

fn read(source: &Path) -> Imports {
    let mut all = Imports::new();
    for file in sources(source) {
        let module = file
            .strip_prefix(source)
            .ok()
            .and_then(|path| path.components().next())
            .expect("a file below `source`");
        let module = module.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(&file).expect("a file in UTF-8");
        all.entry(module.clone())
            .or_default()
            .extend(imports(&text).into_iter().filter(|other| *other != module));
    }
    let modules: BTreeSet<String> = all.keys().cloned().collect();
    all.values_mut().for_each(|imports| imports.retain(|name| modules.contains(name)));
    all
}

/// Removes modules that import no other remaining one, until none is left; what is left imports itself through others.
fn in_cycles(mut imports: Imports) -> Imports {
    loop {
        let leaves: Vec<String> =
            imports.iter().filter(|(_, used)| used.is_empty()).map(|(name, _)| name.clone()).collect();
        if leaves.is_empty() {
            return imports;
        }
        imports.retain(|name, _| !leaves.contains(name));
        imports.values_mut().for_each(|used| used.retain(|name| !leaves.contains(name)));
    }
}

#[test]
fn host_crates_have_no_module_cycles() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host");
    let mut cycles = Vec::new();
    let mut crates = 0;
    for entry in std::fs::read_dir(&host).unwrap() {
        let source = entry.unwrap().path().join("src");
        if source.is_dir() {
            crates += 1;
            let found = in_cycles(read(&source));
            cycles.extend((!found.is_empty()).then(|| format!("{}: {found:?}", source.display())));
        }
    }
    assert!(crates >= 10, "{crates}");
    assert!(cycles.is_empty(), "{}", cycles.join("\n"));
}

#[test]
fn a_cycle_is_found() {
    let used = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let modules: Imports =
        [("a", used(&["b"])), ("b", used(&["c", "d"])), ("c", used(&["a"])), ("d", used(&[]))]
            .map(|(name, used)| (name.to_owned(), used))
            .into();
    assert_eq!(in_cycles(modules).into_keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(
        imports("use crate::a::B;\nfn f() { crate::c::g() }\n#[cfg(test)]\nmod tests {\nuse crate::d;"),
        used(&["a", "c"])
    );
    let grouped = imports("use crate::{a::{B, c}, d, self_, e::f::G as H};\nuse std::{x, y};");
    assert_eq!(grouped, used(&["a", "d", "self_", "e"]));
    assert_eq!(imports("use crate::{\n    a::B,\n    c,\n};"), used(&["a", "c"]));
}
