//! Implementations of `wasi:` functions, by interface.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource, WasmList};

use super::resources::{
    Descriptor, InputStream, IoError, OutputStream, Pollable, STDERR, STDOUT, TerminalInput, TerminalOutput,
    any,
};
use crate::call::{Denied, Exit, Host};
use crate::log::Stream;

type Store<'a> = StoreContextMut<'a, Host>;

/// Bytes that a stream accepts at once, as reported by `check-write`; longer writes are truncated. std never writes more.
const CHUNK: u64 = 4096;
/// Maximum number of random bytes per request; a larger request fails the call.
const MAX_RANDOM_BYTES: u64 = 64 * 1024;

/// `variant stream-error` of `wasi:io/streams`. Never `last-operation-failed`, because no operation here can fail.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "a case of the interface that is not used here")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

/// Defines `function` of `interface` (without its version). Returns false if the function is not implemented.
pub(super) fn define(
    instance: &mut LinkerInstance<'_, Host>,
    interface: &str,
    function: &str,
) -> wasmtime::Result<bool> {
    match interface {
        "wasi:cli/environment" => environment(instance, function),
        "wasi:cli/exit" => exit(instance, function),
        "wasi:cli/stdin" | "wasi:cli/stdout" | "wasi:cli/stderr" => standard_stream(instance, function),
        "wasi:cli/terminal-stdin" | "wasi:cli/terminal-stdout" | "wasi:cli/terminal-stderr" => {
            terminal(instance, function)
        }
        "wasi:io/error" | "wasi:io/poll" => error_and_poll(instance, function),
        "wasi:io/streams" => match function.starts_with("[method]output-stream.") {
            true => output(instance, function),
            false => input(instance, function),
        },
        "wasi:random/random" | "wasi:random/insecure" | "wasi:random/insecure-seed" => {
            random(instance, function)
        }
        "wasi:filesystem/preopens" => preopens(instance, function),
        _ => Ok(false),
    }
}

/// No variables, no arguments, no working directory.
fn environment(instance: &mut LinkerInstance<'_, Host>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "get-environment" => {
            instance.func_wrap(function, |_: Store<'_>, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
        }
        "get-arguments" => {
            instance.func_wrap(function, |_: Store<'_>, (): ()| Ok((Vec::<String>::new(),)))?;
        }
        "initial-cwd" => {
            instance.func_wrap(function, |_: Store<'_>, (): ()| Ok((None::<String>,)))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn exit(instance: &mut LinkerInstance<'_, Host>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "exit" => {
            instance.func_wrap(
                function,
                |_: Store<'_>, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
                    Err(Exit(u8::from(status.is_err())).into())
                },
            )?;
        }
        "exit-with-code" => {
            instance.func_wrap(function, |_: Store<'_>, (code,): (u8,)| -> wasmtime::Result<()> {
                Err(Exit(code).into())
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn standard_stream(instance: &mut LinkerInstance<'_, Host>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "get-stdin" => {
            instance.func_wrap(function, |_: Store<'_>, (): ()| Ok((any::<InputStream>(),)))?;
        }
        "get-stdout" => {
            instance.func_wrap(function, |_: Store<'_>, (): ()| {
                Ok((Resource::<OutputStream>::new_own(STDOUT),))
            })?;
        }
        "get-stderr" => {
            instance.func_wrap(function, |_: Store<'_>, (): ()| {
                Ok((Resource::<OutputStream>::new_own(STDERR),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// No stream is a terminal.
fn terminal(instance: &mut LinkerInstance<'_, Host>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "get-terminal-stdin" => {
            instance.func_wrap(function, |_: Store<'_>, (): ()| Ok((None::<Resource<TerminalInput>>,)))?;
        }
        "get-terminal-stdout" | "get-terminal-stderr" => {
            instance.func_wrap(function, |_: Store<'_>, (): ()| Ok((None::<Resource<TerminalOutput>>,)))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Every pollable is always ready: there is nothing to wait for.
fn error_and_poll(instance: &mut LinkerInstance<'_, Host>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "[method]error.to-debug-string" => {
            instance.func_wrap(function, |_: Store<'_>, (_,): (Resource<IoError>,)| {
                Ok((String::from("closed"),))
            })?;
        }
        "[method]pollable.ready" => {
            instance.func_wrap(function, |_: Store<'_>, (_,): (Resource<Pollable>,)| Ok((true,)))?;
        }
        "[method]pollable.block" => {
            instance.func_wrap(function, |_: Store<'_>, (_,): (Resource<Pollable>,)| Ok(()))?;
        }
        "poll" => {
            instance.func_wrap(function, |_: Store<'_>, (list,): (Vec<Resource<Pollable>>,)| {
                Ok(((0..list.len() as u32).collect::<Vec<u32>>(),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Standard input is closed.
fn input(instance: &mut LinkerInstance<'_, Host>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => {
            instance.func_wrap(function, |_: Store<'_>, (_, _): (Resource<InputStream>, u64)| {
                Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
            })?;
        }
        "[method]input-stream.skip" | "[method]input-stream.blocking-skip" => {
            instance.func_wrap(function, |_: Store<'_>, (_, _): (Resource<InputStream>, u64)| {
                Ok((Err::<u64, _>(StreamError::Closed),))
            })?;
        }
        "[method]input-stream.subscribe" => {
            instance.func_wrap(function, |_: Store<'_>, (_,): (Resource<InputStream>,)| {
                Ok((any::<Pollable>(),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Standard output and standard error become log messages, line by line.
fn output(instance: &mut LinkerInstance<'_, Host>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "[method]output-stream.check-write" => {
            instance.func_wrap(function, |_: Store<'_>, (_,): (Resource<OutputStream>,)| {
                Ok((Ok::<u64, StreamError>(CHUNK),))
            })?;
        }
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            instance.func_wrap(
                function,
                |mut store: Store<'_>, (stream, bytes): (Resource<OutputStream>, WasmList<u8>)| {
                    // Copied, because the log is in the store as well; at most one chunk.
                    let bytes = bytes.as_le_slice(&store);
                    let bytes = bytes[..bytes.len().min(CHUNK as usize)].to_vec();
                    let stream = if stream.rep() == STDERR { Stream::Err } else { Stream::Out };
                    store.data_mut().log.stream(stream, &bytes);
                    Ok((Ok::<(), StreamError>(()),))
                },
            )?;
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            instance.func_wrap(function, |_: Store<'_>, (_,): (Resource<OutputStream>,)| {
                Ok((Ok::<(), StreamError>(()),))
            })?;
        }
        "[method]output-stream.subscribe" => {
            instance.func_wrap(function, |_: Store<'_>, (_,): (Resource<OutputStream>,)| {
                Ok((any::<Pollable>(),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Equal batches get equal numbers.
fn random(instance: &mut LinkerInstance<'_, Host>, function: &str) -> wasmtime::Result<bool> {
    match function {
        "get-random-bytes" | "get-insecure-random-bytes" => {
            let name = function.to_owned();
            instance.func_wrap(function, move |mut store: Store<'_>, (length,): (u64,)| {
                if length > MAX_RANDOM_BYTES {
                    return Err(Denied(format!("{name} with {length} bytes")).into());
                }
                let random = &mut store.data_mut().random;
                let mut bytes = Vec::with_capacity(length as usize + 7);
                while bytes.len() < length as usize {
                    bytes.extend_from_slice(&random.next().to_le_bytes());
                }
                bytes.truncate(length as usize);
                Ok((bytes,))
            })?;
        }
        "get-random-u64" | "get-insecure-random-u64" => {
            instance
                .func_wrap(function, |mut store: Store<'_>, (): ()| Ok((store.data_mut().random.next(),)))?;
        }
        "insecure-seed" => {
            instance.func_wrap(function, |mut store: Store<'_>, (): ()| {
                let random = &mut store.data_mut().random;
                Ok(((random.next(), random.next()),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// No directories, so that opening a file is an ordinary error in the guest.
fn preopens(instance: &mut LinkerInstance<'_, Host>, function: &str) -> wasmtime::Result<bool> {
    if function != "get-directories" {
        return Ok(false);
    }
    instance
        .func_wrap(function, |_: Store<'_>, (): ()| Ok((Vec::<(Resource<Descriptor>, String)>::new(),)))?;
    Ok(true)
}
