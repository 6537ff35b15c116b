//! Tests of what a release consists of, without building one: the packages of the SDK, the bill of materials, the manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use insightd_tests::{built, skipped, top};
use serde_json::Value;

/// The programs that are shipped.
const PROGRAMS: [&str; 3] = ["insightd", "insightctl", "insightd-compile"];

/// Runs a program in the checkout and returns its standard output.
fn run(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    // The settings of the Cargo that runs the tests are not for another one.
    command
        .args(arguments)
        .current_dir(top())
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET");
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Returns true if the scripts of a release can run here: a checkout with git, and Python with its parser of TOML. Prints SKIPPED otherwise.
fn can_release(test: &str) -> bool {
    let works = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(top()).output();
        output.is_ok_and(|output| output.status.success())
    };
    let missing = if !works("python3", &["-c", "import tomllib"]) {
        "Python 3.11 or newer"
    } else if !works("git", &["rev-parse", "HEAD"]) {
        "git, or the checkout of a repository"
    } else {
        return true;
    };
    skipped(test, &format!("missing: {missing}"));
    false
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    run(&cargo, arguments)
}

/// Returns the files below a directory of the checkout, relative to it; links are followed.
fn files(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let name = entry.file_name().into_string().expect("UTF-8");
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path()).into_iter().map(|below| format!("{name}/{below}"))),
            false => drop(found.insert(name)),
        }
    }
    found
}

#[test]
fn packages_of_the_sdk_are_whole() {
    for (package, directory, contract) in
        [("insights-batch", "guest-sdk/batch", false), ("insights-sdk", "guest-sdk", true)]
    {
        let listed = cargo(&["package", "--list", "--allow-dirty", "--offline", "-p", package]);
        let listed: BTreeSet<&str> = listed.lines().collect();
        let source = files(&top().join(directory).join("src"));
        assert!(source.contains("lib.rs"), "{source:?}");
        for file in &source {
            assert!(listed.contains(&*format!("src/{file}")), "{package}: {file} is missing in {listed:?}");
            // A package cannot refer to a file outside of it.
            let text = fs::read_to_string(top().join(directory).join("src").join(file)).expect("text");
            assert!(!text.contains("\"../"), "{package}: src/{file} refers to a file outside of the package");
        }
        for file in ["LICENSE", "README.md", "Cargo.toml"] {
            assert!(listed.contains(file), "{package}: {file} is missing in {listed:?}");
        }
        let wit: BTreeSet<&str> = listed.iter().filter_map(|file| file.strip_prefix("wit/")).collect();
        let expected = if contract { files(&top().join("wit")) } else { BTreeSet::new() };
        assert_eq!(wit, expected.iter().map(String::as_str).collect(), "{package}: the contract");
    }
}

#[test]
fn only_the_compiler_contains_a_compiler() {
    let contains = |package: &str| {
        let inside = tree(package, "x86_64-unknown-linux-musl", "normal");
        assert!(inside.iter().any(|name| name.starts_with("wasmtime ")), "{package}: {inside:?}");
        inside.iter().any(|name| name.starts_with("cranelift-codegen "))
    };
    for program in PROGRAMS {
        assert_eq!(contains(program), program == "insightd-compile", "{program}");
    }
}

#[test]
fn builds_without_a_named_package_leave_out_the_compiler() {
    let metadata = cargo(&["metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let names = |key: &str| {
        let ids = metadata[key].as_array().unwrap_or_else(|| panic!("no {key}: {metadata}"));
        let name = |id: &Value| {
            let package = metadata["packages"].as_array()?.iter().find(|package| package["id"] == *id)?;
            package["name"].as_str().map(str::to_owned)
        };
        ids.iter().map(|id| name(id).expect("a package")).collect::<BTreeSet<String>>()
    };
    let (mut members, default) = (names("workspace_members"), names("workspace_default_members"));
    assert!(members.remove("insightd-compile"), "{members:?}");
    assert_eq!(members, default, "`default-members` of Cargo.toml are `members` without host/compile");
}

#[test]
fn versions_agree() {
    if !can_release("versions_agree") {
        return;
    }
    run("deploy/release", &["--check"]);
}

/// Returns the packages that a shipped package is built from, as `NAME VERSION`.
fn tree(package: &str, target: &str, edges: &str) -> BTreeSet<String> {
    let arguments = ["tree", "--locked", "--prefix", "none", "--format", "{p}"];
    let text =
        cargo(&[&arguments[..], &["--package", package, "--target", target, "--edges", edges]].concat());
    let parts = text.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some(format!("{} {}", words.next()?, words.next()?.strip_prefix('v')?))
    });
    parts.collect()
}

/// Returns the checksums of the lock file by `NAME VERSION`.
fn checksums() -> BTreeMap<String, String> {
    let text = fs::read_to_string(top().join("Cargo.lock")).expect("a lock file");
    let field = |package: &str, key: &str| {
        package
            .lines()
            .find_map(|line| Some(line.strip_prefix(key)?.trim_matches(['=', ' ', '"']).to_owned()))
    };
    let packages = text.split("[[package]]\n").skip(1).filter_map(|package| {
        let name = format!("{} {}", field(package, "name")?, field(package, "version")?);
        Some((name, field(package, "checksum")?))
    });
    packages.collect()
}

#[test]
fn the_bill_of_materials_lists_what_is_shipped() {
    if !can_release("the_bill_of_materials_lists_what_is_shipped") {
        return;
    }
    let text = run("deploy/sbom", &["--epoch", "1"]);
    assert_eq!(text, run("deploy/sbom", &["--epoch", "1"]), "the same bytes");
    assert!(!text.contains(top().to_str().expect("UTF-8")), "no path of this machine");
    let bill: Value = serde_json::from_str(&text).expect("JSON");
    let listed: BTreeMap<String, &Value> = bill["components"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|part| {
            let word = |key: &str| part[key].as_str().unwrap_or_else(|| panic!("{key} is missing in {part}"));
            assert!(part["licenses"][0]["expression"].is_string(), "{part}");
            (format!("{} {}", word("name"), word("version")), part)
        })
        .collect();

    let components: Vec<String> = fs::read_dir(top().join("transforms"))
        .expect("a directory")
        .flatten()
        .filter(|entry| entry.path().join("src/config.schema.json").is_file())
        .map(|entry| format!("insightd-{}", entry.file_name().display()))
        .collect();
    assert!(components.len() >= 9, "{components:?}");
    let mut shipped: Vec<(&str, &str)> = components.iter().map(|name| (&**name, "wasm32-wasip2")).collect();
    for target in ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"] {
        shipped.extend(PROGRAMS.map(|program| (program, target)));
    }
    let mut built_from = BTreeSet::new();
    for (package, target) in shipped {
        for name in tree(package, target, "normal") {
            assert!(listed.contains_key(&name), "{name} of {package} for {target} is missing");
        }
        let inside = tree(package, target, "normal,no-proc-macro");
        for name in &inside {
            let part = listed[name];
            assert_eq!(part["scope"], "required", "{part}");
            let contained = part["properties"].as_array().expect("a list");
            let here = format!("{package} {target}");
            assert!(contained.iter().any(|property| property["value"] == *here), "{here}: {part}");
        }
        built_from.extend(inside);
    }
    let sums = checksums();
    for (name, part) in listed {
        if part["scope"] == "required" && part["name"] != "rust-std" {
            assert!(built_from.contains(&name), "{name} is in nothing that is shipped");
        }
        let sum = sums.get(&name).map(String::as_str);
        assert_eq!(part["hashes"][0]["content"].as_str(), sum, "{name}");
        let published = sum.is_some() || name.starts_with("insights-");
        let purl = published.then(|| format!("pkg:cargo/{}", name.replace(' ', "@")));
        assert_eq!(part["purl"].as_str(), purl.as_deref(), "{name}");
    }
}

#[test]
fn the_archive_of_manifests_contains_the_components() {
    if !can_release("the_archive_of_manifests_contains_the_components") {
        return;
    }
    let component = built("transforms/emf.wasm");
    let said = run("deploy/release", &["--only", "manifests", "--dirty"]);
    let (directory, sums) = said.split_once(":\n").expect("directory and sums");
    let name =
        sums.lines().filter_map(|line| line.split("  ").nth(1)).find(|name| name.contains("manifests"));
    let archive = Path::new(directory).join(name.expect("the archive is listed"));
    let first = fs::read(&archive).expect("is there");
    run("deploy/release", &["--only", "manifests", "--dirty"]);
    assert!(first == fs::read(&archive).expect("is there"), "a second archive has other bytes");

    let unpacked = tempfile::tempdir().expect("a directory");
    run("tar", &["-xzf", archive.to_str().expect("UTF-8"), "-C", unpacked.path().to_str().expect("UTF-8")]);
    let inside = files(unpacked.path());
    let find = |end: &str| {
        inside.iter().find(|file| file.ends_with(end)).unwrap_or_else(|| panic!("{end}: {inside:?}"))
    };
    for file in ["/base/kustomization.yaml", "/insightd.yaml", "/LICENSE", "/iam/deliver.json"] {
        find(file);
    }
    let copy = fs::read(unpacked.path().join(find("transforms/emf.wasm"))).expect("is there");
    assert!(copy == fs::read(component).expect("is there"), "the component is another one");
    assert!(!inside.iter().any(|file| file.contains("/image/")), "{inside:?}");
}
