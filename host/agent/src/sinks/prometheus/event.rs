//! Parses one event: a family of metrics in the Prometheus text format 0.0.4.
//!
//! ```text
//! event  = [ "# HELP " name [ " " text ] LF ] [ "# TYPE " name " " kind LF ] { sample LF }     at least one "#" line, in any order
//! sample = name [ "{" [ label { "," label } ] "}" ] " " value
//! label  = name "=" '"' value '"'          with \\, \" and \n in the value
//! ```
//!
//! This is stricter than the format: it is the part that the text format and OpenMetrics have in common, so the lines of an event are
//! copied to both. Prometheus discards a whole page for one malformed line, so one event could take away the samples of all others.

mod sample;

use std::ops::Range;

/// A parsed event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family<'a> {
    /// Name of the family; of a counter, with `_total`.
    pub(super) name: &'a str,
    pub(super) kind: Option<Kind>,
    /// Help text, escaped as in the event.
    pub(super) help: Option<&'a str>,
    /// The event; contains the sample lines.
    pub(super) text: &'a str,
}

/// The position of a sample line in the text of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SampleSpan {
    /// The line with its line feed.
    pub(super) line: Range<usize>,
    /// End of the name and the labels.
    pub(super) series_end: usize,
}

/// Type of a family. Histograms and summaries have samples of several names; no formatter makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Untyped,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Untyped => "untyped",
        }
    }
}

/// An event that is not one family in the text format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of an event: {reason}; fix the formatter")]
pub struct InvalidFamily {
    /// Number of the line, from 1.
    pub line: usize,
    /// The reason.
    pub reason: InvalidReason,
}

/// The reason why an event is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReason {
    /// The text is not UTF-8.
    #[error("the text is not UTF-8")]
    Encoding,
    /// The event contains a NUL byte, which ends the text for some parsers.
    #[error("the text contains a NUL byte")]
    Nul,
    /// The event does not begin with a `# HELP` or `# TYPE` line.
    #[error("expected `# HELP NAME TEXT` or `# TYPE NAME KIND`")]
    Header,
    /// The last line has no line feed.
    #[error("the last line has no line feed")]
    Unterminated,
    /// A comment after the first sample, a second line of its kind, or one that is neither HELP nor TYPE.
    #[error("only one `# HELP` and one `# TYPE` line are allowed, before the samples")]
    Comment,
    /// The name of the family.
    #[error("invalid metric name")]
    Name,
    /// The type of the family.
    #[error("the type must be counter, gauge or untyped")]
    Kind,
    /// The line belongs to another family.
    #[error("the line belongs to another family than the first one: an event is one family")]
    OtherFamily,
    /// The labels.
    #[error("malformed labels: expected `{{name=\"value\",…}}` without blanks")]
    Labels,
    /// A label occurs twice.
    #[error("a label occurs twice")]
    DuplicateLabel,
    /// Too many labels.
    #[error("more than {} labels", sample::MAX_LABELS)]
    TooManyLabels,
    /// The value.
    #[error("expected one blank and a number, NaN, +Inf or -Inf at the end of the line")]
    Value,
    /// A timestamp.
    #[error("timestamps are not allowed: a scrape has its own")]
    Timestamp,
}

/// Parses an event. `spans` is overwritten with the sample lines.
pub(super) fn parse<'a>(bytes: &'a [u8], spans: &mut Vec<SampleSpan>) -> Result<Family<'a>, InvalidFamily> {
    spans.clear();
    let line_of = |at: usize| 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
    let invalid = |at: usize, reason| InvalidFamily { line: line_of(at), reason };
    let text =
        std::str::from_utf8(bytes).map_err(|error| invalid(error.valid_up_to(), InvalidReason::Encoding))?;
    if let Some(at) = text.find('\0') {
        return Err(invalid(at, InvalidReason::Nul));
    }
    let name = family_name(text).map_err(|reason| invalid(0, reason))?;
    let mut family = Family { name, kind: None, help: None, text };
    let mut has_help = false;
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let range = begin..begin + line.len();
        let at = |reason| invalid(range.start, reason);
        let line = line.strip_suffix('\n').ok_or_else(|| at(InvalidReason::Unterminated))?;
        if let Some(comment) = line.strip_prefix('#') {
            if !spans.is_empty() {
                return Err(at(InvalidReason::Comment));
            }
            match header(comment, name).map_err(at)? {
                Header::Help(text) if !has_help => {
                    has_help = true;
                    family.help = text;
                }
                Header::Type(kind) if family.kind.is_none() => family.kind = Some(kind),
                _ => return Err(at(InvalidReason::Comment)),
            }
        } else {
            let series_end = begin + sample::parse(line, name).map_err(at)?;
            spans.push(SampleSpan { line: range.clone(), series_end });
        }
        begin = range.end;
    }
    Ok(family)
}

/// Returns the name in the first line.
fn family_name(text: &str) -> Result<&str, InvalidReason> {
    let rest =
        text.strip_prefix("# HELP ").or_else(|| text.strip_prefix("# TYPE ")).ok_or(InvalidReason::Header)?;
    let name = rest.split([' ', '\n']).next().unwrap_or_default();
    let mut bytes = name.bytes();
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':');
    let is_name =
        bytes.next().is_some_and(is_letter) && bytes.all(|byte| is_letter(byte) || byte.is_ascii_digit());
    is_name.then_some(name).ok_or(InvalidReason::Name)
}

enum Header<'a> {
    /// Help text, unless it is empty.
    Help(Option<&'a str>),
    Type(Kind),
}

/// Parses a comment, without its `#`.
fn header<'a>(comment: &'a str, name: &str) -> Result<Header<'a>, InvalidReason> {
    let (is_help, rest) = match (comment.strip_prefix(" HELP "), comment.strip_prefix(" TYPE ")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err(InvalidReason::Comment),
    };
    let (named, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    if named != name {
        return Err(InvalidReason::OtherFamily);
    }
    if is_help {
        return Ok(Header::Help(Some(rest).filter(|text| !text.is_empty())));
    }
    let kinds = [Kind::Counter, Kind::Gauge, Kind::Untyped];
    kinds.into_iter().find(|kind| kind.as_str() == rest).map(Header::Type).ok_or(InvalidReason::Kind)
}

#[cfg(test)]
mod tests;
