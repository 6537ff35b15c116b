//! JSON parser.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Value, integer_text};

/// Maximum nesting of lists and objects. Bounds the stack; batches nest two levels per generation of entities.
const MAX_DEPTH: usize = 128;

/// A JSON syntax error and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Line number, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Error text: the token that was expected.
    pub reason: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Error {
    /// Returns the message without the standard library's formatting, which components do not link.
    #[cold]
    pub fn text(&self) -> String {
        let (line, column) = (integer_text(self.line as u64), integer_text(self.column as u64));
        ["line ", &line, ", column ", &column, ": ", &self.reason].concat()
    }
}

impl core::error::Error for Error {}

/// Parses a whole text.
///
/// # Errors
/// Text that is not JSON, with line and column. Stricter than the standard: rejects a key that occurs twice in one
/// object, a number outside of the range of `f64`, and nesting deeper than 128.
pub fn parse(text: &str) -> Result<Value, Error> {
    let mut parser = Parser { text, at: 0 };
    let parsed = parser.value(0).and_then(|value| {
        parser.space();
        if parser.at == text.len() { Ok(value) } else { Err("unexpected text after the value".into()) }
    });
    parsed.map_err(|reason| parser.error(reason))
}

/// A recursive-descent parser. Its functions are `cold`, that is, compiled for size: a call reads one small text.
struct Parser<'t> {
    text: &'t str,
    at: usize,
}

/// Result with the reason of failure. Nearly all reasons are static texts, which take no code to build.
type Parsed<T> = Result<T, Cow<'static, str>>;

impl Parser<'_> {
    #[cold]
    fn error(&self, reason: Cow<'static, str>) -> Error {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let characters = before[line_start..].iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Error { line, column: characters + 1, reason: reason.into_owned() }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    #[cold]
    fn value(&mut self, depth: usize) -> Parsed<Value> {
        self.space();
        if depth > MAX_DEPTH {
            let limit = integer_text(MAX_DEPTH as u64);
            return Err(["lists and objects are nested deeper than ", &limit].concat().into());
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => Err("expected a value".into()),
            None => Err("expected a value, found the end of the text".into()),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Parsed<Value> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err("expected a value".into());
        }
        self.at += word.len();
        Ok(value)
    }

    #[cold]
    fn array(&mut self, depth: usize) -> Parsed<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Ok(Value::Array(items));
            }
            if !self.take(b',') {
                return Err("expected `,` or `]`".into());
            }
        }
    }

    #[cold]
    fn object(&mut self, depth: usize) -> Parsed<Value> {
        self.at += 1;
        let mut fields: Vec<(String, Value)> = Vec::new();
        self.space();
        if self.take(b'}') {
            return Ok(Value::Object(fields));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err("expected a key in double quotes".into());
            }
            let start = self.at;
            let key = self.string()?;
            if fields.iter().any(|(known, _)| *known == key) {
                self.at = start;
                return Err(["duplicate key `", &key, "`"].concat().into());
            }
            self.space();
            if !self.take(b':') {
                return Err("expected `:`".into());
            }
            let value = self.value(depth + 1)?;
            fields.push((key, value));
            self.space();
            if self.take(b'}') {
                return Ok(Value::Object(fields));
            }
            if !self.take(b',') {
                return Err("expected `,` or `}`".into());
            }
        }
    }

    #[cold]
    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        let negative = self.take(b'-');
        if !self.take(b'0') && self.digits() == 0 {
            return Err("expected a digit".into());
        }
        let mut whole = !negative;
        if self.take(b'.') {
            whole = false;
            if self.digits() == 0 {
                return Err("expected a digit".into());
            }
        }
        if self.take(b'e') || self.take(b'E') {
            whole = false;
            let _ = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return Err("expected a digit".into());
            }
        }
        let text = self.since(start);
        if let Some(value) = whole.then(|| integer(text)).flatten() {
            return Ok(Value::Integer(value));
        }
        let value = super::decimal::parse(text);
        if value.is_infinite() {
            self.at = start;
            return Err("expected a number of at most 1.8e308".into());
        }
        Ok(Value::Number(value))
    }

    /// Returns the text from `start` to the current position; both are at ASCII characters.
    fn since(&self, start: usize) -> &str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    #[cold]
    fn string(&mut self) -> Parsed<String> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let start = self.at;
            while matches!(self.peek(), Some(byte) if byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            string.push_str(self.since(start));
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err("control characters in a string must be escaped".into()),
                None => return Err("unterminated string: expected `\"`".into()),
            }
        }
    }

    #[cold]
    fn escape(&mut self) -> Parsed<char> {
        self.at += 2;
        let escaped = match self.text.as_bytes().get(self.at - 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => {
                self.at -= 1;
                return Err("expected one of `\"\\/bfnrtu` after `\\`".into());
            }
        };
        Ok(escaped)
    }

    #[cold]
    fn unicode(&mut self) -> Parsed<char> {
        let unit = self.hex4()?;
        let code = match unit {
            0xd800..=0xdbff if self.text.as_bytes()[self.at..].starts_with(b"\\u") => {
                self.at += 2;
                let low = self.hex4()?;
                if !(0xdc00..=0xdfff).contains(&low) {
                    return Err("expected the second half of a surrogate pair".into());
                }
                0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
            }
            unit => unit,
        };
        char::from_u32(code).ok_or_else(|| "unpaired surrogate".into())
    }

    #[cold]
    fn hex4(&mut self) -> Parsed<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4).unwrap_or_default();
        let mut digits = digits.iter().map(|&digit| char::from(digit).to_digit(16));
        let code = digits.try_fold(0, |code, digit| Some(code * 16 + digit?));
        match code {
            Some(code) if self.at + 4 <= self.text.len() => {
                self.at += 4;
                Ok(code)
            }
            _ => Err("expected four hexadecimal digits after `\\u`".into()),
        }
    }
}

/// Returns the value of decimal digits, if it fits.
fn integer(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0, |value: u64, digit| {
        let digit = u64::from(digit - b'0');
        (value <= (u64::MAX - digit) / 10).then(|| value * 10 + digit)
    })
}
