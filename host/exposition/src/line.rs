//! Parses one line.
//!
//! ```text
//! sample = name [ "{" [ label { "," label } [ "," ] ] "}" ] value [ timestamp ]
//! label  = name "=" '"' value '"'         with \\, \" and \n in the value
//! ```
//!
//! Tokens may be separated by blanks and tabs.

mod number;
#[cfg(test)]
mod tests;

use crate::Format;
use crate::error::Reason;
use crate::sample::{LabelBuffer, LabelSpan, Labels, Sample};

use number::{timestamp, value};

/// Content of a line.
#[derive(Debug)]
pub(crate) enum Line<'a> {
    /// A sample.
    Sample(Sample<'a>),
    /// An empty line or a comment, which includes `# HELP` and `# TYPE`.
    Comment,
    /// `# EOF` of OpenMetrics.
    End,
}

/// Parses a line without its line feed. `labels` is overwritten.
pub(crate) fn parse<'a>(
    line: &'a [u8],
    format: Format,
    max_labels: usize,
    labels: &'a mut LabelBuffer,
) -> Result<Line<'a>, Reason> {
    let line = std::str::from_utf8(line).map_err(|_| Reason::Encoding)?;
    let mut cursor = Cursor { line, at: 0 };
    cursor.skip_blanks();
    match cursor.peek() {
        None => return Ok(Line::Comment),
        Some(b'#') if format == Format::OpenMetrics && line == "# EOF" => return Ok(Line::End),
        Some(b'#') => return Ok(Line::Comment),
        Some(_) => {}
    }
    let name = cursor.take_while(is_name_byte);
    if name.bytes().next().is_none_or(|byte| byte.is_ascii_digit()) {
        return Err(Reason::Name);
    }
    let after_name = cursor.at;
    cursor.skip_blanks();
    labels.clear();
    if cursor.peek() == Some(b'{') {
        cursor.at += 1;
        read_labels(&mut cursor, max_labels, labels)?;
        cursor.skip_blanks();
    } else if cursor.at == after_name {
        // `name1.5`, or a name with a byte that names do not have.
        return Err(if cursor.peek().is_none() { Reason::Value } else { Reason::Name });
    }
    let value = value(cursor.token()).ok_or(Reason::Value)?;
    cursor.skip_blanks();
    let timestamp_ms = match cursor.token() {
        "" => None,
        "#" if format == Format::OpenMetrics => return Ok(sample(line, name, labels, value, None)),
        text => Some(timestamp(text, format).ok_or(Reason::Timestamp)?),
    };
    cursor.skip_blanks();
    match cursor.token() {
        "" => {}
        // An exemplar, which is the end of the line.
        "#" if format == Format::OpenMetrics => {}
        _ => return Err(Reason::Trailing),
    }
    Ok(sample(line, name, labels, value, timestamp_ms))
}

fn sample<'a>(
    line: &'a str,
    name: &'a str,
    labels: &'a LabelBuffer,
    value: f64,
    timestamp_ms: Option<i64>,
) -> Line<'a> {
    Line::Sample(Sample { name, labels: Labels { line, parsed: labels }, value, timestamp_ms })
}

/// Reads labels up to and including the closing brace.
fn read_labels(cursor: &mut Cursor<'_>, max_labels: usize, labels: &mut LabelBuffer) -> Result<(), Reason> {
    loop {
        cursor.skip_blanks();
        if cursor.peek() == Some(b'}') {
            cursor.at += 1;
            return Ok(());
        }
        let begin = cursor.at;
        let name = cursor.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let range = begin..cursor.at;
        if name.bytes().next().is_none_or(|byte| byte.is_ascii_digit()) {
            return Err(Reason::Labels);
        }
        cursor.skip_blanks();
        cursor.expect(b'=')?;
        cursor.skip_blanks();
        cursor.expect(b'"')?;
        if labels.spans.len() == max_labels {
            return Err(Reason::TooManyLabels);
        }
        let line = cursor.line;
        let is_same = |span: &LabelSpan| line.get(span.name.clone()) == Some(name);
        if labels.spans.iter().any(is_same) {
            return Err(Reason::DuplicateLabel);
        }
        let (value, is_unescaped) = read_value(cursor, &mut labels.unescaped)?;
        labels.spans.push(LabelSpan { name: range, value, is_unescaped });
        cursor.skip_blanks();
        match cursor.peek() {
            Some(b',') => cursor.at += 1,
            Some(b'}') => {}
            _ => return Err(Reason::Labels),
        }
    }
}

/// Reads a label value up to and including the closing quote. Returns its range in the line, or in `unescaped` if it
/// contains escapes.
fn read_value(
    cursor: &mut Cursor<'_>,
    unescaped: &mut String,
) -> Result<(std::ops::Range<usize>, bool), Reason> {
    let begin = cursor.at;
    let target = unescaped.len();
    let mut copied = begin;
    loop {
        let rest = cursor.line.as_bytes().get(cursor.at..).unwrap_or_default();
        let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).ok_or(Reason::Labels)?;
        let at = cursor.at + found;
        if rest[found] == b'"' {
            cursor.at = at + 1;
            if copied == begin && unescaped.len() == target {
                return Ok((begin..at, false));
            }
            unescaped.push_str(cursor.line.get(copied..at).unwrap_or_default());
            return Ok((target..unescaped.len(), true));
        }
        unescaped.push_str(cursor.line.get(copied..at).unwrap_or_default());
        let escaped = rest.get(found + 1).ok_or(Reason::Labels)?;
        match escaped {
            b'n' => unescaped.push('\n'),
            b'\\' => unescaped.push('\\'),
            b'"' => unescaped.push('"'),
            // OpenMetrics allows a backslash before any other character; both stand for themselves.
            _ => unescaped.push('\\'),
        }
        let is_consumed = matches!(escaped, b'n' | b'\\' | b'"');
        cursor.at = at + 1 + usize::from(is_consumed);
        copied = cursor.at;
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':')
}

/// A position in a line, always at a character's boundary.
struct Cursor<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Reason> {
        if self.peek() != Some(byte) {
            return Err(Reason::Labels);
        }
        self.at += 1;
        Ok(())
    }

    fn skip_blanks(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn token(&mut self) -> &'a str {
        self.take_while(|byte| !matches!(byte, b' ' | b'\t'))
    }

    /// Takes bytes as long as they satisfy `is_wanted`, which must accept all or no bytes of a character.
    fn take_while(&mut self, is_wanted: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.line.as_bytes().get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| !is_wanted(byte)).unwrap_or(rest.len());
        let begin = self.at;
        self.at += length;
        self.line.get(begin..self.at).unwrap_or_default()
    }
}
