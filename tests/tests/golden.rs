//! Golden cases of the shipped transforms, run against their wasm with the command for component authors.

use insightd_tests::{built, insightctl, top};

fn check(transform: &str) {
    let directory = top().join("transforms").join(transform);
    let wasm = built(&format!("transforms/{transform}.wasm"));
    let utf8 = "the checkout's path is UTF-8";
    let arguments =
        ["transform", "test", directory.to_str().expect(utf8), "--wasm", wasm.to_str().expect(utf8)];
    let output = insightctl(&arguments);
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{log}");
    let cases = std::fs::read_dir(directory.join("tests/golden")).expect("golden cases").count();
    assert!(cases > 5, "{transform} has only {cases} golden cases");
    println!("{out}");
}

#[test]
fn decorate_as_wasm() {
    check("decorate");
}

#[test]
fn utilization_as_wasm() {
    check("utilization");
}

#[test]
fn emf_as_wasm() {
    check("emf");
}

#[test]
fn script_as_wasm() {
    check("script");
}

#[test]
fn topk_as_wasm() {
    check("topk");
}

#[test]
fn cost_labels_as_wasm() {
    check("cost-labels");
}

#[test]
fn filter_as_wasm() {
    check("filter");
}

#[test]
fn signals_as_wasm() {
    check("signals");
}

#[test]
fn prometheus_as_wasm() {
    check("prometheus");
}

#[test]
fn otlp_as_wasm() {
    check("otlp");
}

#[test]
fn remote_write_as_wasm() {
    check("remote-write");
}
