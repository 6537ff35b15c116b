//! Command line of `insightd-compile`: help text and parser.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Compiles a WebAssembly component to native code for insightd.

Usage: insightd-compile [OPTIONS] [IN.wasm]

Reads IN.wasm, or standard input; writes to standard output unless --out is given.

Options:
      --out FILE         Write the native code to FILE
      --target TRIPLE    Generate code for this target, such as aarch64-unknown-linux-gnu
                         (default: the baseline of the architecture this program runs on)
      --memory-mib N     Address space the compiler may use (default: 64)
      --cpu-seconds N    CPU time the compiler may use (default: 20)
  -h, --help             Show this text
  -V, --version          Show the version

Exit codes: 64 invalid arguments, 65 invalid component, 71 out of memory,
70 any other error.
";

const DEFAULT_MEMORY_MIB: u64 = 64;
const DEFAULT_CPU_SECONDS: u64 = 20;

/// The parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Help,
    Version,
    Compile(Arguments),
}

/// Options of one compilation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) input: Option<PathBuf>,
    pub(crate) output: Option<PathBuf>,
    pub(crate) target: String,
    pub(crate) memory_mib: u64,
    pub(crate) cpu_seconds: u64,
}

/// Parses the arguments, without the program name.
pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Request, String> {
    let mut parsed = Arguments {
        input: None,
        output: None,
        target: insightd_sandbox::engine::TARGET.to_owned(),
        memory_mib: DEFAULT_MEMORY_MIB,
        cpu_seconds: DEFAULT_CPU_SECONDS,
    };
    while let Some(argument) = arguments.next() {
        let mut value = |name: &str| arguments.next().ok_or(format!("{name} needs a value"));
        match argument.to_str() {
            Some("-h" | "--help") => return Ok(Request::Help),
            Some("-V" | "--version") => return Ok(Request::Version),
            Some("--out") => parsed.output = Some(value("--out")?.into()),
            Some("--target") => {
                parsed.target = value("--target")?
                    .into_string()
                    .map_err(|_| "--target: expected a target triple in UTF-8")?;
            }
            Some("--memory-mib") => parsed.memory_mib = number("--memory-mib", &value("--memory-mib")?)?,
            Some("--cpu-seconds") => parsed.cpu_seconds = number("--cpu-seconds", &value("--cpu-seconds")?)?,
            Some(option) if option.starts_with('-') && option != "-" => {
                return Err(format!("unknown option {option}"));
            }
            _ if parsed.input.is_some() => return Err("more than one input file".to_owned()),
            Some("-") => {}
            _ => parsed.input = Some(argument.into()),
        }
    }
    Ok(Request::Compile(parsed))
}

fn number(name: &str, text: &OsStr) -> Result<u64, String> {
    const MAX: u64 = 1 << 20;
    let number = text.to_str().and_then(|text| text.parse().ok()).filter(|number| (1..=MAX).contains(number));
    number.ok_or_else(|| format!("{name}: expected a number from 1 to {MAX}, found {}", text.display()))
}

#[cfg(test)]
mod tests {
    use super::{Request, parse};

    fn request(arguments: &[&str]) -> Result<Request, String> {
        parse(arguments.iter().map(Into::into))
    }

    #[test]
    fn the_arguments_of_the_build_step_are_parsed() {
        let Ok(Request::Compile(arguments)) = request(&["--out", "a.cwasm", "--memory-mib", "32", "a.wasm"])
        else {
            panic!("refused");
        };
        assert_eq!(arguments.output.as_deref(), Some("a.cwasm".as_ref()));
        assert_eq!(arguments.input.as_deref(), Some("a.wasm".as_ref()));
        assert_eq!((arguments.memory_mib, arguments.cpu_seconds), (32, 20));
    }

    #[test]
    fn invalid_arguments_are_named() {
        assert_eq!(request(&["--fast"]).unwrap_err(), "unknown option --fast");
        assert_eq!(request(&["--out"]).unwrap_err(), "--out needs a value");
        assert_eq!(request(&["a", "b"]).unwrap_err(), "more than one input file");
        assert!(request(&["--memory-mib", "0"]).unwrap_err().contains("expected a number"));
    }
}
