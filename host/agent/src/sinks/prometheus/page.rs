//! A page in its two formats. Both share the sample lines and differ in the lines before them.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Bytes;

use super::event::Kind;

/// The page of a tick.
#[derive(Debug)]
pub(super) struct Page {
    families: Vec<PublishedFamily>,
    /// Bytes in the text format, and number of samples.
    bytes: u64,
    series: u64,
    published: Instant,
    /// By format; `None` if it cannot be compressed.
    compressed: [OnceLock<Option<Bytes>>; 2],
}

/// A family of a page.
#[derive(Debug)]
pub(super) struct PublishedFamily {
    /// `# HELP` and `# TYPE` lines in the text format.
    pub(super) text_head: Bytes,
    /// The same in OpenMetrics.
    pub(super) open_head: Bytes,
    /// Sample lines.
    pub(super) samples: Bytes,
}

/// Format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    Open,
}

/// The last line of OpenMetrics.
const EOF: &[u8] = b"# EOF\n";

impl Page {
    /// Creates a page, which is as old as this call.
    pub(super) fn new(families: Vec<PublishedFamily>, bytes: u64, series: u64) -> Self {
        Self { families, bytes, series, published: Instant::now(), compressed: Default::default() }
    }

    /// Returns the bytes in the text format.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the number of samples.
    pub(super) fn series(&self) -> u64 {
        self.series
    }

    /// Returns the time at which the tick of the page ended.
    pub(super) fn published(&self) -> Instant {
        self.published
    }

    /// Returns a chunk of the page; `None` after the last one. Chunks share the memory of the page.
    pub(super) fn chunk(&self, format: Format, index: usize) -> Option<Bytes> {
        let Some(family) = self.families.get(index / 2) else {
            return (format == Format::Open && index == 2 * self.families.len())
                .then_some(Bytes::from_static(EOF));
        };
        let head = match format {
            Format::Text => &family.text_head,
            Format::Open => &family.open_head,
        };
        Some(if index.is_multiple_of(2) { head } else { &family.samples }.clone())
    }

    /// Returns the bytes in a format.
    pub(super) fn length(&self, format: Format) -> u64 {
        self.chunks(format).map(|chunk| chunk.len() as u64).sum()
    }

    fn chunks(&self, format: Format) -> impl Iterator<Item = Bytes> {
        (0..).map_while(move |index| self.chunk(format, index))
    }

    /// Returns the page compressed with gzip if that was done already.
    pub(super) fn compressed(&self, format: Format) -> Option<Option<Bytes>> {
        self.compressed[format as usize].get().cloned()
    }

    /// Compresses the page, once for each format. Takes some 10 ms per megabyte. Returns `None` if that is impossible.
    pub(super) fn compress(&self, format: Format) -> Option<Bytes> {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(1));
            let written: io::Result<()> = self.chunks(format).try_for_each(|chunk| encoder.write_all(&chunk));
            let mut bytes = written.and_then(|()| encoder.finish()).ok()?;
            bytes.shrink_to_fit();
            Some(Bytes::from(bytes))
        };
        self.compressed[format as usize].get_or_init(compress).clone()
    }
}

/// Returns the lines before the samples of a family in the text format.
pub(super) fn text_head(name: &str, kind: Option<Kind>, help: Option<&str>) -> String {
    let help = help.map(|help| format!("# HELP {name} {help}\n")).unwrap_or_default();
    let kind = kind.map(|kind| format!("# TYPE {name} {}\n", kind.as_str())).unwrap_or_default();
    help + &kind
}

/// Returns the lines before the samples of a family in OpenMetrics, where the samples of a counter have the name of the family with
/// `_total`. A counter of another name, or whose family has the name of another one (`is_family`), has the type `unknown`.
pub(super) fn open_head(
    name: &str,
    kind: Option<Kind>,
    help: Option<&str>,
    is_family: impl Fn(&str) -> bool,
) -> String {
    let of_counter = name.strip_suffix("_total").filter(|family| !family.is_empty() && !is_family(family));
    let (family, kind) = match (kind, of_counter) {
        (Some(Kind::Counter), Some(family)) => (family, "counter"),
        (Some(Kind::Gauge), _) => (name, "gauge"),
        (Some(Kind::Counter | Kind::Untyped) | None, _) => (name, "unknown"),
    };
    let help = help.map(|help| format!("# HELP {family} {}\n", open_help(help))).unwrap_or_default();
    format!("{help}# TYPE {family} {kind}\n")
}

/// Converts a help text. In the text format `\\` and `\n` are escapes; OpenMetrics escapes the double quote as well.
fn open_help(help: &str) -> String {
    let mut out = String::with_capacity(help.len());
    let mut chars = help.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&escaped @ ('\\' | 'n'))) => {
                out.extend(['\\', escaped]);
                chars.next();
            }
            ('\\', _) => out.push_str("\\\\"),
            ('"', _) => out.push_str("\\\""),
            (c, _) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests;
