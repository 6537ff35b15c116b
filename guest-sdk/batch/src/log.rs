//! Lines in the agent's log, tagged with the component's name.
//!
//! In a component they pass through the contract's `log`; the agent truncates long lines and bounds their number.
//! Natively they go to stderr, or to a test that collects them with [`capture`]. Without `std` and outside of a component
//! they are discarded.

/// Severity of a log line, in the order of `enum level` in `wit/log.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Details for the author when debugging.
    Trace,
    /// Details for an operator when troubleshooting.
    Debug,
    /// Normal operation.
    Info,
    /// An anomaly that does not affect the result.
    Warn,
    /// The result is incomplete.
    Error,
}

/// Writes a line at the given level.
pub fn write(level: Level, message: &str) {
    sink::write(level, message);
}

/// Writes a line with details for the author when debugging.
pub fn trace(message: &str) {
    write(Level::Trace, message);
}

/// Writes a line with details for an operator when troubleshooting.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Writes a line about normal operation.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// Writes a line about an anomaly that does not affect the result.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// Writes a line about an incomplete result.
pub fn error(message: &str) {
    write(Level::Error, message);
}

#[cfg(all(feature = "std", not(target_family = "wasm")))]
pub use sink::capture;

/// Sink of components: the contract's `log`, as the canonical ABI lowers it. A level is the position of its case.
#[cfg(all(feature = "guest", target_family = "wasm"))]
#[allow(unsafe_code, reason = "an import is a foreign function")]
mod sink {
    use super::Level;

    #[link(wasm_import_module = "insights:transform/log@0.1.0")]
    unsafe extern "C" {
        #[link_name = "write"]
        fn write_line(level: i32, message: *const u8, bytes: usize);
    }

    pub(super) fn write(level: Level, message: &str) {
        // SAFETY: the host reads `bytes` bytes from `message` during the call, and keeps no pointer to them.
        unsafe { write_line(level as i32, message.as_ptr(), message.len()) }
    }
}

#[cfg(all(feature = "std", not(all(feature = "guest", target_family = "wasm"))))]
mod sink {
    use std::cell::RefCell;
    use std::string::String;
    use std::vec::Vec;

    use super::Level;

    std::thread_local! {
        static CAPTURED: RefCell<Option<Vec<(Level, String)>>> = const { RefCell::new(None) };
    }

    pub(super) fn write(level: Level, message: &str) {
        CAPTURED.with_borrow_mut(|captured| match captured {
            Some(lines) => lines.push((level, String::from(message))),
            None => std::eprintln!("{level:?}: {message}"),
        });
    }

    /// Runs `work` and collects the lines that it writes on this thread, instead of sending them to stderr.
    #[cfg_attr(target_family = "wasm", allow(dead_code, unreachable_pub, reason = "for native tests"))]
    pub fn capture<T>(work: impl FnOnce() -> T) -> (T, Vec<(Level, String)>) {
        let before = CAPTURED.replace(Some(Vec::new()));
        let result = work();
        (result, CAPTURED.replace(before).unwrap_or_default())
    }
}

#[cfg(all(not(feature = "std"), not(all(feature = "guest", target_family = "wasm"))))]
mod sink {
    use super::Level;

    pub(super) fn write(_: Level, _: &str) {}
}
