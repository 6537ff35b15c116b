//! The compiler child under attack.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use insightd_sandbox::{CompileError, CompileLimits, Compiler};

use crate::arena::enter;
use crate::{guests, text};

/// Builds a component with one function of `count` additions in a row: each is a value that lives until the end.
fn bomb(count: u32) -> Vec<u8> {
    let mut body = String::new();
    for _ in 0..count {
        body.push_str("(local.set 0 (i64.add (local.get 0) (i64.load (i32.wrap_i64 (local.get 0)))))\n");
        body.push_str("(if (i64.eqz (local.get 0)) (then (local.set 1 (local.get 0))))\n");
    }
    let mut function = String::new();
    write!(function, r#"(func (export "bomb") (param i64 i64) (result i64) {body} (local.get 1))"#).unwrap();
    let core = text::stage(text::ZERO, text::ZERO, "", "0.1.0");
    let core = core.replacen(
        "(func (export \"cabi_realloc\")",
        &format!("{function} (func (export \"cabi_realloc\")"),
        1,
    );
    text::component("transform", &core, text::same)
}

#[test]
fn a_component_that_exhausts_the_compiler_is_stopped() {
    let (_serial, arena) = enter();
    let bomb = bomb(40_000);
    assert!(bomb.len() < 1 << 20, "it must fit a ConfigMap: {} bytes", bomb.len());
    let error = arena.attack("compile bomb", || arena.compiler.compile(&bomb)).unwrap_err();
    assert!(matches!(error, CompileError::Limit(_)), "{error}");
    assert!(error.to_string().contains("crafted to exhaust the compiler"), "{error}");
}

/// Independent of the backtraces that the environment requests.
#[test]
fn exhausted_memory_has_its_own_exit_code() {
    let (_serial, _) = enter();
    for backtrace in ["0", "1", "full"] {
        let mut child = Command::new(guests::compiler())
            .args(["--memory-mib", "48"])
            .env("RUST_BACKTRACE", backtrace)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The child may exit before it has read all of its input.
        let _ = child.stdin.take().unwrap().write_all(&bomb(40_000));
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(71), "RUST_BACKTRACE={backtrace}: {status}");
    }
}

#[test]
fn cpu_time_of_the_compiler_is_limited() {
    let (_serial, arena) = enter();
    let limits =
        CompileLimits { memory_bytes: 8 << 30, cpu_time: Duration::from_secs(1), ..CompileLimits::default() };
    let compiler = Compiler::with_limits(guests::compiler(), limits);
    let bomb = bomb(40_000);
    let error = arena.attack("compile bomb with memory", || compiler.compile(&bomb)).unwrap_err();
    assert!(error.to_string().contains("more than 1 s of CPU time"), "{error}");
}

/// Returns the error of a shell script in place of the compiler, with a wall-clock limit of 50 ms.
fn error_of_script(text: &str) -> CompileError {
    let limits = CompileLimits { wall_time: Duration::from_millis(50), ..CompileLimits::default() };
    let script = tempfile::tempdir().unwrap();
    let path = script.path().join("compiler");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    Compiler::with_limits(&path, limits).compile(b"x").unwrap_err()
}

#[test]
fn wall_time_of_the_compiler_is_limited() {
    let (_serial, _) = enter();
    // A compiler that never responds.
    let error = error_of_script("exec sleep 1000");
    assert!(error.to_string().contains("took more than 50ms"), "{error}");
}

#[test]
fn a_compiler_that_closes_its_output_and_runs_on_is_stopped() {
    let (_serial, _) = enter();
    let start = Instant::now();
    let error = error_of_script("exec >&-\nexec sleep 60");
    assert!(error.to_string().contains("took more than 50ms"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
fn invalid_components_are_refused_by_the_compiler() {
    let (_serial, arena) = enter();
    let whole = guests::guest("format");
    let module = wat::parse_str("(module)").unwrap();
    let mut damaged = whole.clone();
    let at = damaged.len() / 3;
    damaged[at..at + 100].fill(0xff);
    for (name, bytes, words) in [
        ("empty file", &b""[..], "the file is empty"),
        ("text", b"hello", "bad magic number"),
        ("core module", &module, "but a core module; build it for wasm32-wasip2"),
        ("truncated file", &whole[..whole.len() / 2], "invalid component"),
        ("damaged file", &damaged, "invalid component"),
    ] {
        let error = arena.attack(name, || arena.compiler.compile(bytes)).unwrap_err();
        assert!(matches!(error, CompileError::Refused(_)), "{name}: {error}");
        assert!(error.to_string().contains(words), "{name}: {error}");
    }
}

#[test]
fn sizes_of_input_and_output_are_limited() {
    let (_serial, _) = enter();
    let compiler = Compiler::new(guests::compiler());
    let error = compiler.compile(&vec![0; (4 << 20) + 1]).unwrap_err();
    assert!(matches!(error, CompileError::TooLarge { bytes: 4_194_305, limit: 4_194_304 }));
    let limits = CompileLimits { max_native_bytes: 10_000, ..CompileLimits::default() };
    let error =
        Compiler::with_limits(guests::compiler(), limits).compile(&guests::guest("format")).unwrap_err();
    assert!(error.to_string().contains("more than 10000 bytes of native code"), "{error}");
}

#[test]
fn a_missing_compiler_is_reported() {
    let (_serial, _) = enter();
    let error = Compiler::new("/nowhere/insightd-compile").compile(b"x").unwrap_err();
    assert!(matches!(error, CompileError::Start { .. }));
    assert!(error.to_string().contains("/nowhere/insightd-compile"), "{error}");
}

#[test]
fn a_crashed_compiler_is_reported() {
    let (_serial, _) = enter();
    let error = Compiler::new("/bin/false").compile(b"x").unwrap_err();
    assert!(matches!(error, CompileError::Died(_)), "{error}");
}

/// The build step's file equals the code that the agent receives over the pipe.
#[test]
fn files_and_pipes_give_the_same_code() {
    let (_serial, arena) = enter();
    let directory = tempfile::tempdir().unwrap();
    let (wasm, native) = (directory.path().join("format.wasm"), directory.path().join("format.cwasm"));
    std::fs::write(&wasm, guests::guest("format")).unwrap();
    let status = Command::new(guests::compiler()).arg("--out").arg(&native).arg(&wasm).status().unwrap();
    assert!(status.success());
    let piped = arena.compile(&guests::guest("format"));
    assert!(std::fs::read(&native).unwrap() == piped.bytes());
}

/// The child has dropped all privileges before it reads its input.
#[test]
fn the_child_has_no_privileges() {
    let (_serial, _) = enter();
    let mut child = Command::new(guests::compiler())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = || std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mut lines = status();
    for _ in 0..1000 {
        if lines.contains("Seccomp:\t2") {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
        lines = status();
    }
    for line in [
        "Seccomp:\t2",
        "NoNewPrivs:\t1",
        "CapEff:\t0000000000000000",
        "CapPrm:\t0000000000000000",
        "Threads:\t1",
    ] {
        assert!(lines.contains(line), "{line}: {lines}");
    }
    // The child gets a user of its own if the parent may still limit and kill such a process, which takes four capabilities.
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let effective = own.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    let effective = u64::from_str_radix(effective, 16).unwrap();
    let needed = [5, 6, 7, 24].iter().fold(0, |set, bit| set | 1_u64 << bit);
    if effective & needed == needed {
        for line in ["Uid:\t65533\t65533\t65533\t65533", "Gid:\t65533\t65533\t65533\t65533", "Groups:\t \n"] {
            assert!(lines.contains(line), "{line}: {lines}");
        }
    } else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: user of the compiler child: these tests may not change users"
        );
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let limit = |name: &str| {
        limits.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().rev().nth(1)
    };
    assert_eq!(limit("Max address space"), Some("67108864"));
    assert_eq!(limit("Max cpu time"), Some("21"));
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(65));
}

/// Returns true if the text is short and has no control characters except line ends.
fn is_plain(text: &str) -> bool {
    text.len() < 4096 && !text.contains(|c: char| c.is_control() && c != '\n')
}

/// Builds a component that exports a type under each of these names.
fn exporting(names: impl Iterator<Item = String>) -> Vec<u8> {
    let mut text = "(component (type $t u32)\n".to_owned();
    names.for_each(|name| writeln!(text, "(export {name:?} (type $t))").unwrap());
    text.push(')');
    wat::parse_str(&text).unwrap()
}

/// Returns the error of the child or of the agent, checked to stay within their limits.
fn refusal(name: &str, wasm: impl FnOnce() -> Vec<u8>) -> String {
    let (_serial, arena) = enter();
    // Built under the lock: memory of other inputs would count as left behind.
    let wasm = wasm();
    let error = arena.attack(name, || match arena.compiler.compile(&wasm) {
        Err(error) => error.to_string(),
        Ok(native) => arena.sandbox.load("odd", &native).unwrap_err().to_string(),
    });
    assert!(is_plain(&error), "{} bytes: {}", error.len(), &error[..error.len().min(2000)]);
    error
}

#[test]
fn a_huge_number_of_exports_is_one_short_message() {
    let error = refusal("100,000 exports", || exporting((0..100_000).map(|number| format!("a{number}"))));
    println!("100,000 exports: {error}");
    let error = refusal("1,000 exports", || exporting((0..1000).map(|number| format!("a{number}"))));
    assert!(error.contains("and 992 more"), "{error}");
}

#[test]
fn long_names_are_clipped() {
    // Seven names of almost the maximum length that a component may have, and one that exceeds it.
    let long = |number: u32, length: usize| format!("a{number}{}", "x".repeat(length));
    {
        // The allocator keeps room after the first component of that size; it does not grow, so it is not a leak.
        let (_serial, arena) = enter();
        let native = arena.compile(&exporting((0..7).map(|number| long(number, 99_990))));
        assert!(arena.sandbox.load("odd", &native).is_err());
    }
    let error = refusal("names of 700 KB", || exporting((0..7).map(|number| long(number, 99_990))));
    assert!(error.contains("a0xxx") && error.contains('…'), "{error}");
    let error = refusal("a name of 700 KB", || exporting([long(0, 700_000)].into_iter()));
    println!("a name of 700 KB: {error}");
}

#[test]
fn twenty_megabytes_are_refused_or_bounded() {
    let padded = || {
        let core = text::stage(text::ZERO, text::ZERO, "", "0.1.0");
        let mut wasm = text::component("transform", &core, text::same);
        // A custom section of 20 MB of zeros: id, length, an empty name, and the rest.
        let length: u32 = 20_000_000;
        wasm.push(0);
        let mut left = length;
        while left >= 0x80 {
            wasm.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        wasm.push(left as u8);
        wasm.resize(wasm.len() + length as usize, 0);
        wasm
    };
    let error = refusal("20 MB", padded);
    assert_eq!(error, "the component has 20002993 bytes; the limit is 4194304");
}
