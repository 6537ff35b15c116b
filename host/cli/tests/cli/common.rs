//! Helpers shared by the tests of several commands.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Returns the top directory of the checkout.
pub(crate) fn top() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Returns the path of the compiler program, built by `make programs`. Without it, components cannot be loaded from files.
pub(crate) fn compiler() -> Option<PathBuf> {
    let path = top().join("target/quick/insightd-compile");
    let found = path.canonicalize().ok();
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is missing; run `make programs`", path.display());
    }
    found
}

/// Installs `insightctl` with the compiler beside it in a directory of this name. Returns its path.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let compiler = compiler()?;
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory).expect("a directory");
    let place = |from: &Path, to: &str| {
        let to = directory.join(to);
        let _ = fs::remove_file(&to);
        fs::hard_link(from, &to).or_else(|_| fs::copy(from, &to).map(drop)).expect("a program can be placed");
        to
    };
    place(&compiler, "insightd-compile");
    Some(place(Path::new(env!("CARGO_BIN_EXE_insightctl")), "insightctl"))
}

/// Runs a program to its end, without the environment variables of a node.
pub(crate) fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    for variable in ["K8S_NODE_NAME", "HOST_NAME", "K8S_CLUSTER_NAME", "KUBERNETES_SERVICE_HOST"] {
        command.env_remove(variable);
    }
    command.args(arguments).output().expect("the program starts")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// Returns a path as an argument.
pub(crate) fn argument(path: &Path) -> &str {
    path.to_str().expect("the path is UTF-8")
}

/// Compares a text with the golden file below `tests/`; `BLESS=1` rewrites it.
#[track_caller]
pub(crate) fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, found).expect("golden text can be written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{} differs; BLESS=1 accepts this:\n{found}", path.display());
}
