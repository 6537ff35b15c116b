//! `script` against Rust components that do the same, and against that code compiled natively: three recipes of docs/scripting.md.
//! Prints milliseconds of CPU time and ratios; needs `make transforms recipes`.
//!
//! `cargo bench -p insightd-sandbox --bench script`; `TRANSFORMS` and `INSIGHTD_COMPILE` select other files
//! than those under `target/`.
#![allow(clippy::unwrap_used, reason = "a bench")]

mod measure;
mod node;

use std::path::{Path, PathBuf};

use insightd_decorate::Decorate;
use insightd_recipes::{CpuThrottled, MemoryShare, Team};
use insightd_sandbox::{CallLimits, Compiler, Component, Sandbox};
use insights_batch::Columns;
use insights_sdk::Transform;
use insights_sdk::golden::Outcome;
use measure::{median, ms, native, process};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = root.join("target");
    let from =
        |variable: &str, path: &str| std::env::var_os(variable).map_or(target.join(path), PathBuf::from);
    let transforms = from("TRANSFORMS", "transforms");
    let compiler = Compiler::new(from("INSIGHTD_COMPILE", "release/insightd-compile"));
    let sandbox = Sandbox::new(CallLimits::default()).unwrap();
    let load = |path: PathBuf| {
        let wasm = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("{}: {error}; make transforms recipes", path.display()));
        let native = compiler.compile(&wasm).unwrap();
        println!("{:>7} bytes of wasm: {}", wasm.len(), path.display());
        sandbox.load("bench", &native).unwrap()
    };
    let script = load(transforms.join("script.wasm"));
    let recipes = load(transforms.join("recipes.wasm"));

    let batch = native::<Decorate>("{}", &node::raw());
    println!("\n{} entities, {} points\n", batch.entity_count(), batch.point_count());
    let bench = Bench { root, script, recipes, batch };
    println!(
        "{:<14} {:>10} {:>13} {:>10} {:>17} {:>13}",
        "", "script ms", "component ms", "native ms", "script/component", "script/native"
    );
    bench.row::<Team>("team");
    bench.row::<MemoryShare>("memory_share");
    bench.row::<CpuThrottled>("cpu_throttled");
    println!("\nof which creating, configuring and dropping an instance:");
    let config = bench.program("team");
    println!("{:<14} {:>10.3}", "script", ms(median(|| bench.script.check_config(&config).unwrap())));
    let config = recipe("team");
    println!("{:<14} {:>10.3}", "component", ms(median(|| bench.recipes.check_config(&config).unwrap())));
}

struct Bench {
    root: PathBuf,
    script: Component,
    recipes: Component,
    batch: Columns,
}

impl Bench {
    fn row<T: Transform>(&self, name: &str) {
        let (program, config) = (self.program(name), recipe(name));
        // Equal input must give equal output, or the ratio compares different work.
        let wanted = Outcome::Batch(native::<T>("{}", &self.batch)).text();
        let check = |component: &Component, config: &str| {
            let found = Outcome::Batch(component.process(config, &self.batch).unwrap()).text();
            assert!(found == wanted, "{name}: not the same as native");
        };
        check(&self.recipes, &config);
        check(&self.script, &program);
        let script = ms(process(&self.script, &program, &self.batch));
        let component = ms(process(&self.recipes, &config, &self.batch));
        let native = ms(median(|| native::<T>("{}", &self.batch)));
        println!(
            "{name:<14} {script:>10.3} {component:>13.3} {native:>10.3} {:>16.2}x {:>12.2}x",
            script / component,
            script / native
        );
    }

    /// Returns the configuration of the golden case of that name.
    fn program(&self, name: &str) -> String {
        let path = self.root.join("transforms/script/tests/golden").join(name).join("config.json");
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

fn recipe(name: &str) -> String {
    format!("{{\"recipe\":\"{name}\"}}")
}
