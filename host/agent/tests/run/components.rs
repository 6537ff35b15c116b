//! Components from files.

use std::fs;
use std::io::BufRead;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::agent::{Agent, config, event};

/// Returns the path of the compiler program, built by `make programs`. Without it, an override cannot be compiled.
fn compiler() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/quick/insightd-compile");
    let found = path.canonicalize().ok();
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is missing; run `make programs`", path.display());
    }
    found
}

#[test]
fn an_override_that_cannot_be_used_falls_back_loudly_and_a_good_one_runs() {
    let Some(compiler) = compiler() else { return };
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/transforms/decorate.wasm");
    let directory = tempfile::tempdir().expect("a directory");
    // An additional empty section makes the file different from the built-in, which would otherwise be used instead.
    let wasm = fs::read(built).expect("`make builtins` leaves decorate.wasm");
    fs::write(directory.path().join("decorate.wasm"), [&wasm[..], &[0, 1, 0]].concat())
        .expect("can be written");
    fs::write(directory.path().join("utilization.wasm"), "no component").expect("can be written");
    let text = format!(
        "transforms_dir: {:?}\ncompiler: {compiler:?}\npipelines:\n- name: node\n  transforms: [{{use: file:decorate}}, {{use: \
         file:utilization}}]\n  outputs: [{{formatter: {{use: builtin:emf}}}}]\n",
        directory.path()
    );
    let mut agent = Agent::start(&["run", "--once", "--config", &config(directory.path(), &text)]);
    assert!(agent.stdout().lines().count() > 0);
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    let ready = |component: &str| {
        log.lines()
            .map(event)
            .any(|line| line["message"] == "component ready" && line["component"] == component)
    };
    assert!(ready("file:decorate") && ready("builtin:utilization"), "{log}");
    assert!(log.contains("the built-in runs in its place"), "{log}");
}
