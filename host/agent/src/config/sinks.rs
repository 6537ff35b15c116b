//! `sinks:` destinations of events.

use std::path::PathBuf;
use std::time::Duration;

use super::cloudwatch::{self, CloudWatchSink};
use super::prometheus::{self, PrometheusSink};
use super::push::{self, PushSink};
use super::reader::{Item, Section, integer, one_of};
use super::{Operations, values};
use crate::features;

/// A sink with the name that outputs refer to.
#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    /// Name that outputs refer to.
    pub name: String,
    /// Kind and settings.
    pub kind: SinkKind,
}

/// Kind and settings of a sink.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkKind {
    /// Standard output.
    Stdout {
        /// When to indent the JSON instead of writing one event a line.
        pretty: When,
    },
    /// A file that is rotated by size.
    File(FileSink),
    /// CloudWatch Logs.
    CloudWatch(Box<CloudWatchSink>),
    /// A receiver of OTLP or of Prometheus remote write.
    Push(Box<PushSink>),
    /// A page for Prometheus.
    Prometheus(PrometheusSink),
}

/// The values of `type`.
#[derive(Clone, Copy)]
enum Type {
    Stdout,
    File,
    CloudWatch,
    Otlp,
    RemoteWrite,
    Prometheus,
}

/// When to use a format for people instead of programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// If the output is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A file sink.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSink {
    /// Path of the current file; older ones are `PATH.1` (the newest) to `PATH.N`.
    pub path: PathBuf,
    /// The file is rotated before it grows beyond this, bytes.
    pub max_bytes: u64,
    /// Number of older files that are kept.
    pub max_files: usize,
    /// When data is written through to the disk.
    pub sync: Sync,
}

/// When the data of a file is synced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// At the end of every tick that wrote something.
    Tick,
    /// Left to the kernel; a crash of the machine loses up to half a minute.
    Never,
}

/// Most sinks, since each has a spool, a connection or a file of its own.
const MAX_SINKS: usize = 64;

/// Maximum length of a sink's name.
const MAX_NAME: usize = 64;

const PRETTY: [(&str, When); 3] = [("auto", When::Auto), ("always", When::Always), ("never", When::Never)];

/// Returns the sink that needs no configuration.
pub(super) fn stdout() -> Sink {
    Sink { name: "stdout".into(), kind: SinkKind::Stdout { pretty: When::Auto } }
}

/// Reads the mapping of sinks. The result always contains `stdout`. `interval` and `operations` are other settings that those of a sink
/// must fit.
pub(super) fn read(root: &Section<'_>, interval: Duration, operations: &Operations) -> Vec<Sink> {
    let mut sinks: Vec<Sink> = Vec::new();
    for (name, item) in root.named_of("sinks", MAX_SINKS).unwrap_or_default() {
        if !is_name(name) {
            item.problem(format!(
                "invalid sink name `{name}`: expected 1 to {MAX_NAME} letters, digits, `-`, `_` and `.` (not first)"
            ));
        }
        let Some(kind) = kind(&item, interval) else { continue };
        if let SinkKind::File(file) = &kind
            && let Some(other) =
                sinks.iter().find(|sink| matches!(&sink.kind, SinkKind::File(f) if f.path == file.path))
        {
            item.problem(format!("{} is already written by the sink `{}`", file.path.display(), other.name));
        }
        if let SinkKind::Prometheus(page) = &kind
            && let Some(other) = listener(page, &sinks, operations)
        {
            item.problem(format!("the address {} is already used by {other}", page.listen));
        }
        sinks.push(Sink { name: name.into(), kind });
    }
    if !sinks.iter().any(|sink| sink.name == "stdout") {
        sinks.insert(0, stdout());
    }
    sinks
}

/// Returns the server that listens on an address of the sink already, if there is one.
fn listener(page: &PrometheusSink, sinks: &[Sink], operations: &Operations) -> Option<String> {
    let of_operations = operations.listen.filter(|listen| prometheus::overlap(*listen, page.listen));
    of_operations.map(|listen| format!("`operations.listen` ({listen})")).or_else(|| {
        sinks.iter().find_map(|sink| match &sink.kind {
            SinkKind::Prometheus(other) if prometheus::overlap(other.listen, page.listen) => {
                Some(format!("the sink `{}` ({})", sink.name, other.listen))
            }
            _ => None,
        })
    })
}

/// Returns true for a valid name of a sink: it becomes the name of a spool directory and of a thread.
fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_allowed)
}

fn kind(item: &Item<'_>, interval: Duration) -> Option<SinkKind> {
    let section = item.section();
    let types = [
        ("stdout", Type::Stdout),
        ("file", Type::File),
        ("cloudwatch_logs", Type::CloudWatch),
        ("otlp_http", Type::Otlp),
        ("prometheus", Type::Prometheus),
        ("prometheus_remote_write", Type::RemoteWrite),
    ];
    let sink = match section.value("type", one_of(&types)) {
        Some(Type::Stdout) => {
            let pretty = section.value("pretty", one_of(&PRETTY)).unwrap_or(When::Auto);
            Some(SinkKind::Stdout { pretty })
        }
        Some(Type::File) => file(&section).map(SinkKind::File),
        Some(Type::CloudWatch) => {
            if let Err(error) = check_clients(features::HAS_AWS) {
                section.problem("type", error);
            }
            Some(SinkKind::CloudWatch(Box::new(cloudwatch::read(&section))))
        }
        Some(Type::Otlp) => Some(SinkKind::Push(Box::new(push::read_otlp(&section)))),
        Some(Type::RemoteWrite) => Some(SinkKind::Push(Box::new(push::read_remote_write(&section)))),
        Some(Type::Prometheus) => Some(SinkKind::Prometheus(prometheus::read(&section, interval))),
        None => {
            if section.get("type").is_none() {
                section.problem(
                    "type",
                    "required: stdout, file, cloudwatch_logs, otlp_http, prometheus or prometheus_remote_write",
                );
            }
            return None;
        }
    };
    section.finish();
    sink
}

/// Checks that a sink of AWS can deliver.
fn check_clients(has_aws: bool) -> Result<(), &'static str> {
    if has_aws { Ok(()) } else { Err(features::NO_AWS_CLIENTS) }
}

fn file(section: &Section<'_>) -> Option<FileSink> {
    let path = section.text("path").map(PathBuf::from);
    if path.is_none() && section.get("path").is_none() {
        section.problem("path", "required: the path of the file");
    }
    let max_bytes = section.value("max_bytes", |text| match values::size(text)? {
        bytes if bytes >= 64 << 10 => Ok(bytes),
        _ => Err("must be 64KiB or more: an event must fit".to_string()),
    });
    let max_files = section.value("max_files", |text| match integer(text)? {
        files @ 0..=1000 => Ok(files as usize),
        _ => Err("must be from 0 to 1000".to_string()),
    });
    let sync = section.value("sync", one_of(&[("tick", Sync::Tick), ("never", Sync::Never)]));
    Some(FileSink {
        path: path?,
        max_bytes: max_bytes.unwrap_or(64 << 20),
        max_files: max_files.unwrap_or(4),
        sync: sync.unwrap_or(Sync::Tick),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Environment};
    use super::*;

    #[test]
    fn names_that_are_no_directory_names_are_rejected() {
        let parse = |name: &str| {
            let text = format!("sinks: {{{name:?}: {{type: stdout}}}}");
            Config::parse(&text, None, &Environment::default()).map_err(|error| error.to_string())
        };
        let long = "x".repeat(64);
        for name in ["logs", "a-b_c.d", "1", &long] {
            assert!(parse(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", ".a", "/abs", "a/b", "a b", "a\0b", "ä", &format!("{long}x")] {
            let error = parse(name).unwrap_err();
            assert!(
                error.contains("expected 1 to 64 letters, digits, `-`, `_` and `.` (not first)"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_build_without_clients_rejects_sinks_of_aws() {
        assert_eq!(check_clients(true), Ok(()));
        assert_eq!(check_clients(false), Err("this build has no AWS clients: build with `make build`"));
    }
}
