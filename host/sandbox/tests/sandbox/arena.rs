//! Shared by all tests: one sandbox with production limits, well-behaved components, and measurements around attacks.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use insightd_sandbox::{CallLimits, Compiler, Component, NativeCode, Sandbox};
use insights_batch::{Builder, Columns};

use crate::guests;

/// Memory that may stay resident after an attack, KiB.
const LEFT_BEHIND_KIB: i64 = 2048;

pub(crate) struct Arena {
    pub(crate) sandbox: Sandbox,
    pub(crate) compiler: Compiler,
    /// A transform that does what its configuration says; `{}` does nothing.
    pub(crate) stage: Component,
    /// A formatter that does what its configuration says.
    pub(crate) format: Component,
}

/// Returns the arena, to one test at a time: memory cannot be measured while another test runs.
pub(crate) fn enter() -> (MutexGuard<'static, ()>, &'static Arena) {
    static SERIAL: Mutex<()> = Mutex::new(());
    static ARENA: OnceLock<Arena> = OnceLock::new();
    let guard = SERIAL.lock().unwrap_or_else(PoisonError::into_inner);
    let arena = ARENA.get_or_init(|| {
        let compiler = Compiler::new(guests::compiler());
        let sandbox = Sandbox::new(CallLimits::default()).unwrap();
        let load = |name: &str| sandbox.load(name, &compiler.compile(&guests::guest(name)).unwrap()).unwrap();
        let (stage, format) = (load("stage"), load("format"));
        Arena { sandbox, compiler, stage, format }
    });
    (guard, arena)
}

impl Arena {
    pub(crate) fn compile(&self, wasm: &[u8]) -> NativeCode {
        self.compiler.compile(wasm).unwrap()
    }

    /// Fails unless another component works.
    pub(crate) fn others_are_unharmed(&self) {
        let batch = batch(10);
        let result = self.stage.process("{}", &batch).unwrap();
        assert_eq!(result, batch);
        assert_eq!(self.format.format("{}", &batch, &insights_batch::Limits::default()).unwrap().len(), 21);
    }

    /// Runs an attack, prints its cost, and checks that no memory is left behind.
    pub(crate) fn attack<T>(&self, name: &str, attack: impl FnOnce() -> T) -> T {
        self.others_are_unharmed();
        let before = resident();
        let started = Instant::now();
        let outcome = attack();
        let took = started.elapsed();
        let peak = status_kib("VmHWM:");
        self.others_are_unharmed();
        let mut after = resident();
        // Tests without the arena run concurrently: their memory is freed in time, a leak stays.
        for _ in 0..40 {
            if after - before <= LEFT_BEHIND_KIB {
                break;
            }
            std::thread::sleep(Duration::from_millis(250));
            after = resident();
        }
        // Not `eprintln!`, which the test runner captures.
        let _ = writeln!(
            std::io::stderr(),
            "hostile: {name:<44} {:>8.1} ms  resident {before} KiB, peak +{} KiB, after {:+} KiB",
            took.as_secs_f64() * 1e3,
            peak - before,
            after - before,
        );
        assert!(after - before <= LEFT_BEHIND_KIB, "{name} left {} KiB resident", after - before);
        outcome
    }
}

/// Returns resident memory in KiB after free memory was returned to the kernel, and resets the peak.
fn resident() -> i64 {
    // SAFETY: `malloc_trim` only returns free memory. Other allocators do so by themselves.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
    // Resets VmHWM.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    status_kib("VmRSS:")
}

fn status_kib(key: &str) -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Builds a node with `pods` pods of one container each, with a row in every column.
pub(crate) fn batch(pods: u32) -> Columns {
    let mut builder = Builder::new("node", "ip-10-0-0-1", 1_700_000_000_000, 60_000);
    let node = builder.entity("node", "ip-10-0-0-1", None);
    builder.attribute(node, "orchestrator", "eks");
    let mut before = node;
    for number in 0..pods {
        let pod = builder.entity("pod", &format!("uid-{number}"), Some(node));
        builder.attribute(pod, "pod.name", &format!("pod-{number}"));
        builder.gauge(pod, "memory.usage_bytes", f64::from(number) * 1e6);
        builder.link(pod, before, "after");
        let container = builder.entity("container", &format!("uid-{number}/main"), Some(pod));
        builder.counter(container, "cpu.usage_ns", u64::from(number) * 1000, Some((0, 60_000_000_000)));
        before = pod;
    }
    builder.finish()
}
