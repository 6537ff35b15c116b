//! Compiles one component to native code, in a process of its own.
//!
//! The agent starts it for every new component: WebAssembly on standard input, native code on standard output. The build
//! uses it for the components embedded in the agent. Before it reads its input, it drops all privileges that compiling does
//! not need; see `confine.rs`.

mod arguments;
mod compile;
mod confine;
mod exhaustion;

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use arguments::{Arguments, Request};

/// Exit codes of `sysexits.h`: wrong arguments, wrong input, anything else.
const USAGE: u8 = 64;
const DATA: u8 = 65;
const SOFTWARE: u8 = 70;

/// Maximum size of a component, bytes. The agent has a lower bound of its own.
const MAX_INPUT: u64 = 16 << 20;

#[global_allocator]
static ALLOCATOR: exhaustion::ExitWhenExhausted = exhaustion::ExitWhenExhausted;

fn main() -> ExitCode {
    // The standard hook may print a backtrace, with system calls that the filter forbids.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let request = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(request) => request,
        Err(reason) => return fail(USAGE, &format!("{reason}; try --help")),
    };
    match request {
        Request::Help => {
            print!("{}", arguments::HELP);
            ExitCode::SUCCESS
        }
        Request::Version => {
            println!("insightd-compile {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Request::Compile(arguments) => match run(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(Failure { code, reason }) => fail(code, &reason),
        },
    }
}

struct Failure {
    code: u8,
    reason: String,
}

impl Failure {
    fn new(code: u8, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

fn fail(code: u8, reason: &str) -> ExitCode {
    eprintln!("{reason}");
    ExitCode::from(code)
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let software = |reason: String| Failure::new(SOFTWARE, reason);
    confine::close_other_files()
        .map_err(|error| software(format!("cannot close inherited files: {error}")))?;
    let mut input: Box<dyn Read> = match &arguments.input {
        Some(path) => Box::new(
            File::open(path)
                .map_err(|e| Failure::new(DATA, format!("cannot open {}: {e}", path.display())))?,
        ),
        None => Box::new(io::stdin().lock()),
    };
    let mut output: Box<dyn Write> = match &arguments.output {
        Some(path) => Box::new(
            File::create(path)
                .map_err(|e| Failure::new(SOFTWARE, format!("cannot create {}: {e}", path.display())))?,
        ),
        None => Box::new(io::stdout().lock()),
    };
    confine::limit(arguments.memory_mib << 20, arguments.cpu_seconds)
        .map_err(|error| software(format!("cannot set resource limits: {error}")))?;
    let engine = compile::engine(&arguments.target).map_err(|reason| Failure::new(USAGE, reason))?;
    confine::drop_privileges().map_err(|reason| software(format!("cannot drop privileges: {reason}")))?;

    let mut wasm = Vec::new();
    let read = input.by_ref().take(MAX_INPUT + 1).read_to_end(&mut wasm);
    read.map_err(|error| Failure::new(DATA, format!("cannot read the component: {error}")))?;
    if wasm.len() as u64 > MAX_INPUT {
        return Err(Failure::new(DATA, format!("the component exceeds the limit of {MAX_INPUT} bytes")));
    }
    let native = compile::compile(&engine, &wasm).map_err(|reason| Failure::new(DATA, reason))?;
    let written = output.write_all(&native).and_then(|()| output.flush());
    written.map_err(|error| software(format!("cannot write the native code: {error}")))
}
