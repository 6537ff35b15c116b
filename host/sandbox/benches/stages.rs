//! The three default stages, and the formatter `otlp`: components with cold instances, production limits and `configure` in every call, against the
//! same code compiled natively. Prints milliseconds of CPU time and ratios; needs `make transforms`.
//!
//! `cargo bench -p insightd-sandbox --bench stages`; `TRANSFORMS` and `INSIGHTD_COMPILE` select other files
//! than those under `target/`.
#![allow(clippy::unwrap_used, reason = "a bench")]

mod measure;
mod node;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use insightd_decorate::Decorate;
use insightd_emf::Emf;
use insightd_otlp::Otlp;
use insightd_sandbox::{CallLimits, Compiler, Sandbox};
use insightd_utilization::Utilization;
use insights_batch::{Batch, Columns, Limits as SinkLimits, Payloads};
use insights_sdk::Formatter;
use measure::{ROUNDS, median, ms, native, process};

const CONFIG: &str = r#"{"cluster_name":"bench"}"#;

fn main() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let from =
        |variable: &str, path: &str| std::env::var_os(variable).map_or(target.join(path), PathBuf::from);
    let transforms = from("TRANSFORMS", "transforms");
    let compiler = Compiler::new(from("INSIGHTD_COMPILE", "release/insightd-compile"));
    let sandbox = Sandbox::new(CallLimits::default()).unwrap();
    let load = |name: &str| {
        let path = transforms.join(format!("{name}.wasm"));
        let wasm =
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; make builtins", path.display()));
        let started = Instant::now();
        let native = compiler.compile(&wasm).unwrap();
        let compiled = started.elapsed();
        let component = sandbox.load(name, &native).unwrap();
        println!("{name:<12} {:>7} bytes of wasm, compiled in {:.1} ms", wasm.len(), ms(compiled));
        component
    };
    let (decorate, utilization, emf) = (load("decorate"), load("utilization"), load("emf"));
    let otlp = load("otlp");

    let raw = node::raw();
    let decorated = decorate.process(CONFIG, &raw).unwrap();
    let computed = utilization.process("{}", &decorated).unwrap();
    let events = emf.format("{}", &computed, &SinkLimits::default()).unwrap();
    println!(
        "\n{} entities, {} raw points; {} published points; {} events, {} bytes; median of {ROUNDS}\n",
        raw.entity_count(),
        raw.point_count(),
        computed.point_count(),
        events.len(),
        events.body.len()
    );
    // Equal input must give equal output, or the ratio compares different work.
    let same =
        native::<Decorate>(CONFIG, &raw) == decorated && native::<Utilization>("{}", &decorated) == computed;
    assert!(same, "the components are outdated: run `make builtins`");

    println!("{:<12} {:>10} {:>10} {:>7}", "", "sandbox ms", "native ms", "ratio");
    let row = |name: &str, sandboxed: Duration, native: Duration| {
        let [sandboxed, native] = [ms(sandboxed), ms(native)];
        println!("{name:<12} {sandboxed:>10.3} {native:>10.3} {:>6.2}x", sandboxed / native);
    };
    let limits = SinkLimits::default();
    let stages = [
        ("decorate", process(&decorate, CONFIG, &raw), median(|| native::<Decorate>(CONFIG, &raw))),
        (
            "utilization",
            process(&utilization, "{}", &decorated),
            median(|| native::<Utilization>("{}", &decorated)),
        ),
        (
            "emf",
            median(|| emf.format("{}", &computed, &limits).unwrap()),
            median(|| native_format::<Emf>("{}", &computed, &limits)),
        ),
    ];
    for (name, sandboxed, native) in stages {
        row(name, sandboxed, native);
    }
    row("all three", stages.iter().map(|stage| stage.1).sum(), stages.iter().map(|stage| stage.2).sum());

    let requests = otlp.format("{}", &decorated, &limits).unwrap();
    row(
        "otlp",
        median(|| otlp.format("{}", &decorated, &limits).unwrap()),
        median(|| native_format::<Otlp>("{}", &decorated, &limits)),
    );
    println!("{:<12} {} requests, {} bytes", "", requests.len(), requests.body.len());
    println!("\nof which creating, configuring and dropping an instance:");
    for (component, config) in [(&decorate, CONFIG), (&utilization, "{}"), (&emf, "{}")] {
        println!("{:<12} {:>10.3}", component.name(), ms(median(|| component.check_config(config).unwrap())));
    }
}

/// Like [`native`], for a formatter. It gets the batch as a whole; the sandbox has to slice it first.
fn native_format<F: Formatter>(config: &str, columns: &Columns, limits: &SinkLimits) -> Payloads {
    let formatter = insights_sdk::configure(config, F::configure).unwrap();
    formatter.format(&Batch::from_columns(columns.clone()), limits).unwrap()
}
