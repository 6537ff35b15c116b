//! The three default stages: components with cold instances, production limits and `configure` in every call, against the
//! same code native. Prints milliseconds of CPU time and ratios; needs `make builtins`.
//!
//! `cargo bench -p insightd-sandbox --bench stages --profile quick`; `TRANSFORMS` and `INSIGHTD_COMPILE` name other files
//! than those under `target/`.
#![allow(clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use insightd_decorate::Decorate;
use insightd_emf::Emf;
use insightd_sandbox::{Compiler, Component, Limits, Sandbox};
use insightd_utilization::Utilization;
use insights_sdk::{Batch, Builder, Columns, EntityId, Formatter, Limits as SinkLimits, Payloads, Transform};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 200;
const CONFIG: &str = r#"{"cluster_name":"bench"}"#;
const PODS: u32 = 110;
const CONTAINERS: u32 = 3;

fn main() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let from =
        |variable: &str, path: &str| std::env::var_os(variable).map_or(target.join(path), PathBuf::from);
    let transforms = from("TRANSFORMS", "transforms");
    let compiler = Compiler::new(from("INSIGHTD_COMPILE", "release/insightd-compile"));
    let sandbox = Sandbox::new(Limits::default()).unwrap();
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

    let raw = raw();
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
    // The same input must give the same output, or the ratio compares different work.
    let same =
        native::<Decorate>(CONFIG, &raw) == decorated && native::<Utilization>("{}", &decorated) == computed;
    assert!(same, "the components are older than the code beside them: make builtins");

    println!("{:<12} {:>10} {:>10} {:>7}", "", "sandbox ms", "native ms", "ratio");
    let mut sums = [0.0; 2];
    let mut row = |name: &str, sandboxed: Duration, native: Duration| {
        println!(
            "{name:<12} {:>10.3} {:>10.3} {:>6.2}x",
            ms(sandboxed),
            ms(native),
            ms(sandboxed) / ms(native)
        );
        sums[0] += ms(sandboxed);
        sums[1] += ms(native);
    };
    row("decorate", process(&decorate, CONFIG, &raw), median(|| native::<Decorate>(CONFIG, &raw)));
    row(
        "utilization",
        process(&utilization, "{}", &decorated),
        median(|| native::<Utilization>("{}", &decorated)),
    );
    let limits = SinkLimits::default();
    row(
        "emf",
        median(|| emf.format("{}", &computed, &limits).unwrap()),
        median(|| native_format::<Emf>("{}", &computed, &limits)),
    );
    println!("{:<12} {:>10.3} {:>10.3} {:>6.2}x", "all", sums[0], sums[1], sums[0] / sums[1]);
    println!("\nof which an instance made, configured and dropped:");
    for (component, config) in [(&decorate, CONFIG), (&utilization, "{}"), (&emf, "{}")] {
        println!("{:<12} {:>10.3}", component.name(), ms(median(|| component.check_config(config).unwrap())));
    }
}

fn process(component: &Component, config: &str, columns: &Columns) -> Duration {
    median(|| component.process(config, columns).unwrap())
}

/// What the host does without a sandbox: the copy stands for the one that the boundary makes.
fn native<T: Transform>(config: &str, columns: &Columns) -> Columns {
    let transform = insights_sdk::configure(config, T::configure).unwrap();
    let batch = Batch::from_columns(columns.clone());
    transform.process(&batch).unwrap();
    batch.into_columns()
}

/// As [`native`], for a formatter. It gets the batch whole; the sandbox has to slice it first.
fn native_format<F: Formatter>(config: &str, columns: &Columns, limits: &SinkLimits) -> Payloads {
    let formatter = insights_sdk::configure(config, F::configure).unwrap();
    formatter.format(&Batch::from_columns(columns.clone()), limits).unwrap()
}

/// Median CPU time of this thread: on a busy machine the clock says more about the others.
fn median<T>(mut work: impl FnMut() -> T) -> Duration {
    let cpu_time = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
    };
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = cpu_time();
            black_box(work());
            cpu_time().saturating_sub(started)
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A node with 110 pods of three containers each, as the host hands it over.
fn raw() -> Columns {
    let mut builder = Builder::new("node", "ip-10-0-0-1", 1_700_000_000_000, 60_000);
    let node = builder.entity("node", "ip-10-0-0-1", None);
    for (key, value) in [("node.name", "ip-10-0-0-1"), ("orchestrator", "eks"), ("cgroup.version", "2")] {
        builder.attribute(node, key, value);
    }
    builder.gauge(node, "node.cpu_count", 8.0);
    builder.gauge(node, "node.memory_total_bytes", 32e9);
    figures(&mut builder, node, 1);
    for number in 0..PODS {
        pod(&mut builder, node, number);
    }
    builder.finish()
}

fn pod(builder: &mut Builder, node: EntityId, number: u32) {
    let uid = format!("0a1b2c3d-0000-4000-8000-{number:012x}");
    let name = format!("web-5d4f8c7b9-{number:05x}");
    let pod = builder.entity("pod", &uid, Some(node));
    for (key, value) in [
        ("pod.uid", &*uid),
        ("pod.name", &name),
        ("pod.namespace", "default"),
        ("pod.phase", "Running"),
        ("pod.qos", "burstable"),
        ("label.app", "web"),
        ("label.pod-template-hash", "5d4f8c7b9"),
    ] {
        builder.attribute(pod, key, value);
    }
    let owner = builder.entity("workload", "ReplicaSet/default/web-5d4f8c7b9", Some(node));
    builder.attribute(owner, "workload.kind", "ReplicaSet");
    builder.attribute(owner, "workload.name", "web-5d4f8c7b9");
    builder.link(pod, owner, "owned-by");
    let path = format!("kubepods/burstable/pod{uid}");
    let cgroup = builder.entity("cgroup", &path, Some(node));
    for (key, value) in [("cgroup.role", "pod"), ("pod.uid", &*uid), ("pod.qos", "burstable")] {
        builder.attribute(cgroup, key, value);
    }
    figures(builder, cgroup, number);
    let interface = builder.entity("interface", "eth0", Some(cgroup));
    builder.attribute(interface, "interface", "eth0");
    for direction in ["rx", "tx"] {
        for what in ["bytes", "packets", "errors", "dropped"] {
            count(builder, interface, &format!("network.{direction}_{what}"), number);
        }
    }
    for index in 0..CONTAINERS {
        let id = format!("{:064x}", number * CONTAINERS + index);
        let name = format!("container-{index}");
        let container = builder.entity("container", &format!("{uid}/{name}"), Some(pod));
        for (key, value) in [
            ("container.name", &*name),
            ("container.id", &id),
            ("container.runtime", "containerd"),
            ("container.kind", "main"),
            ("container.state", "running"),
        ] {
            builder.attribute(container, key, value);
        }
        builder.gauge(container, "container.request_cpu_millicores", 100.0);
        builder.gauge(container, "container.limit_cpu_millicores", 500.0);
        builder.gauge(container, "container.request_memory_bytes", 1e8);
        builder.gauge(container, "container.limit_memory_bytes", 5e8);
        count(builder, container, "container.restarts", number % 3);
        let cgroup = builder.entity("cgroup", &format!("{path}/cri-containerd-{id}"), Some(cgroup));
        for (key, value) in [
            ("cgroup.role", "container"),
            ("pod.uid", &*uid),
            ("container.id", &id),
            ("container.runtime", "containerd"),
        ] {
            builder.attribute(cgroup, key, value);
        }
        figures(builder, cgroup, number + index);
    }
}

/// What a cgroup says.
fn figures(builder: &mut Builder, entity: EntityId, seed: u32) {
    for name in [
        "cpu.usage_ns",
        "cpu.user_ns",
        "cpu.system_ns",
        "cpu.periods",
        "cpu.throttled_periods",
        "cpu.throttled_ns",
        "memory.pgfault",
        "memory.pgmajfault",
        "memory.hierarchical_pgfault",
        "memory.hierarchical_pgmajfault",
        "io.read_bytes",
        "io.write_bytes",
        "io.reads",
        "io.writes",
        "psi.cpu.some_us",
        "psi.memory.some_us",
        "psi.io.some_us",
    ] {
        count(builder, entity, name, seed);
    }
    for name in [
        "memory.usage_bytes",
        "memory.cache_bytes",
        "memory.rss_bytes",
        "memory.max_usage_bytes",
        "memory.swap_bytes",
        "memory.mapped_file_bytes",
        "memory.inactive_file_bytes",
        "memory.limit_bytes",
        "cpu.quota_millicores",
        "pids.current",
    ] {
        builder.gauge(entity, name, f64::from(seed) * 12_345.5 + 1e6);
    }
}

fn count(builder: &mut Builder, entity: EntityId, name: &str, seed: u32) {
    let previous = u64::from(seed) * 1_000_003;
    builder.counter(entity, name, previous + 987_654, Some((previous, 60_000_000_000)));
}
